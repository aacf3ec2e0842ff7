"""The main job: a mailing is written, its moment comes, everybody gets one message."""

from tests.e2e.stage import ALL_CLIENTS, CLIENTS_OF_ONE_CODE, Stage


def test_a_mailing_is_sent_to_every_client_once(stage: Stage, schedules_fire: bool) -> None:
    """Its schedule starts it; one whose schedule was lost, and every one where schedules never fire, is started by reconcile."""
    stage.provider.configure(latency_ms=20)
    mailing = stage.write_mailing(starts_in=20)
    assert (mailing["status"], mailing["started_by"]) == ("scheduled", None)
    lost = stage.write_mailing(starts_in=20, filter_operator_codes=["911"])
    stage.lose_schedule(lost["id"])

    mailing, lost = stage.finished(mailing["id"], within=120), stage.finished(lost["id"], within=120)

    assert (mailing["started_by"], lost["started_by"]) == ("schedule" if schedules_fire else "reconcile", "reconcile")
    assert mailing["started_at"] >= mailing["starts_at"]
    sent = [*stage.assert_sent(mailing, ALL_CLIENTS), *stage.assert_sent(lost, CLIENTS_OF_ONE_CODE)]
    assert stage.provider.deliveries() == dict.fromkeys(sent, 1)
    ledger = stage.provider.summary()
    assert ledger["calls"] == ledger["accepted"] == ledger["deliveries"] == ALL_CLIENTS + CLIENTS_OF_ONE_CODE


def test_a_finished_mailing_leaves_no_schedule(stage: Stage) -> None:
    mailing = stage.write_mailing(starts_in=-1, filter_operator_codes=["912"])
    stage.finished(mailing["id"], within=60)

    assert stage.schedules(mailing["id"]) == []


def test_the_providers_page_tells_what_the_functions_were_given(stage: Stage) -> None:
    [provider] = [each for each in stage.api.get("/api/v1/provider")["results"] if each["environment"]]
    assert (provider["kind"], provider["url"], provider["honours_key"]) == ("contract", stage.stack.provider.url, True)
