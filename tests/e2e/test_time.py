"""Waves through the clients' own time zones, and a mailing that is stopped in mid-flight."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.stage import ALL_CLIENTS, CLIENTS_OF_ONE_CODE, Stage

PAUSE_TAKES_HOLD = 5.0


def test_only_the_zones_that_are_due_are_planned_and_the_schedule_moves_to_the_next(stage: Stage) -> None:
    code = "915"
    zones = {client["time_zone"] for client in stage.api.get("/api/v1/client", operator_code=code, page_size=100)["results"]}
    assert len(zones) == CLIENTS_OF_ONE_CODE
    wall = wall_time_that_comes_first(zones, timedelta(seconds=20))
    moments = sorted({moment(wall, zone) for zone in zones})
    first = {zone for zone in zones if moment(wall, zone) == moments[0]}

    mailing = stage.api.create_mailing("waves", "Good morning", wall, wall + timedelta(hours=3), filter_operator_codes=[code])
    assert next_run(mailing) == moments[0] == stage.scheduled(mailing["id"])

    mailing = stage.sent(mailing["id"], len(first), within=120)

    messages = stage.api.messages(mailing["id"])
    assert {message["time_zone"] for message in messages} == first, "zones that are not due have no messages yet"
    # The run that planned the first wave is followed by one that looks whether it is all sent.
    mailing = stage.until(mailing["id"], lambda found: next_run(found) == moments[1], within=30)
    assert mailing["status"] == "running"
    assert stage.scheduled(mailing["id"]) == moments[1]

    stage.api.post(f"/api/v1/mailing/{mailing['id']}/cancel")
    assert stage.scheduled(mailing["id"]) is None
    assert stage.provider.deliveries() == {message["id"]: 1 for message in messages}


def test_pausing_stops_what_is_queued_and_resuming_finishes_it(stage: Stage) -> None:
    stage.provider.configure(latency_ms=500)
    mailing = stage.write_mailing(starts_in=-1)
    stage.sent(mailing["id"], 100, within=60)

    paused = stage.api.post(f"/api/v1/mailing/{mailing['id']}/pause")
    assert paused["status"] == "paused"
    time.sleep(PAUSE_TAKES_HOLD)
    held = stage.provider.summary()["calls"]
    assert held < ALL_CLIENTS
    time.sleep(2)
    assert stage.provider.summary()["calls"] == held, "no call starts later than that"
    waiting = stage.api.mailing(mailing["id"])["counts"]
    assert (waiting["sent"], waiting["waiting"]) == (held, ALL_CLIENTS - held)

    stage.provider.configure(latency_ms=20)
    stage.api.post(f"/api/v1/mailing/{mailing['id']}/resume")
    stage.assert_sent_once_each(stage.finished(mailing["id"], within=90), ALL_CLIENTS)


def wall_time_that_comes_first(zones: set[str], ahead: timedelta) -> datetime:
    """The wall time that the clock of the easternmost zone shows `ahead` from now."""
    now = (datetime.now(UTC) + ahead).replace(microsecond=0)
    return max(now.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for zone in zones)


def moment(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def next_run(mailing: dict[str, Any]) -> datetime | None:
    found = mailing["next_run_at"]
    return datetime.fromisoformat(found) if found else None
