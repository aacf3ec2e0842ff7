"""The main job: a mailing is written, its moment comes, everybody gets one message."""

import pytest

from tests.e2e.stage import ALL_CLIENTS, CLIENTS_OF_ONE_CODE, Stage


def test_a_mailing_is_sent_to_every_client_once(stage: Stage, schedules_fire: bool) -> None:
    """Its schedule starts it; on an endpoint whose schedules never fire, reconcile does."""
    stage.provider.configure(latency_ms=20)
    mailing = stage.write_mailing(starts_in=20)
    assert (mailing["status"], mailing["started_by"]) == ("scheduled", None)

    mailing = stage.finished(mailing["id"], within=120)

    assert mailing["started_by"] == ("schedule" if schedules_fire else "reconcile")
    assert mailing["started_at"] >= mailing["starts_at"]
    stage.assert_sent_once_each(mailing, ALL_CLIENTS)
    ledger = stage.provider.summary()
    assert ledger["calls"] == ledger["accepted"] == ledger["deliveries"] == ALL_CLIENTS


def test_reconcile_starts_what_no_schedule_started(stage: Stage, schedules_fire: bool) -> None:
    if not schedules_fire:
        pytest.skip("the main job is this test where schedules never fire")
    mailing = stage.write_mailing(starts_in=15, filter_operator_codes=["911"])  # nearer ones have no schedule to lose
    stage.lose_schedule(mailing["id"])

    mailing = stage.finished(mailing["id"], within=120)

    assert mailing["started_by"] == "reconcile"
    stage.assert_sent_once_each(mailing, CLIENTS_OF_ONE_CODE)


def test_a_finished_mailing_leaves_no_schedule(stage: Stage) -> None:
    mailing = stage.write_mailing(starts_in=-1, filter_operator_codes=["912"])
    stage.finished(mailing["id"], within=60)

    assert stage.schedules(mailing["id"]) == []
