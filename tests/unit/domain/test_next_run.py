"""When a mailing wants its next run."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.next_run import MailingState, ZoneState, next_run
from chalicelib.domain.status import MailingStatus

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DEADLINE = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=10)
OPENS, CLOSES, END = NOW - HOUR, NOW + HOUR, NOW + 24 * HOUR
RUNNING, PAUSED, CANCELLED = MailingStatus.RUNNING, MailingStatus.PAUSED, MailingStatus.CANCELLED


@pytest.mark.parametrize(
    ("status", "planned", "earliest", "expected"),
    [
        (RUNNING, True, None, None),
        (RUNNING, True, NOW + MINUTE, NOW + MINUTE),
        (RUNNING, True, NOW + 2 * HOUR, CLOSES),
        (RUNNING, True, END - DEADLINE, END),
        (RUNNING, False, None, NOW),
        (PAUSED, False, None, END),
        (PAUSED, True, NOW, END),
        (PAUSED, True, None, None),
        (CANCELLED, False, None, None),
        (CANCELLED, True, NOW + MINUTE, NOW),
    ],
)
def test_of_one_zone(status: MailingStatus, planned: bool, earliest: datetime | None, expected: datetime | None) -> None:
    state = MailingState(status, [ZoneState(OPENS, CLOSES, END, planned, earliest)], dispatched=False)
    assert next_run(state, now=NOW, pause=timedelta(0), deadline=DEADLINE) == expected


def test_the_breaker_and_what_is_under_way() -> None:
    zones = [ZoneState(OPENS, CLOSES, END, planned=True, earliest=NOW)]
    probe = NOW + timedelta(seconds=20)
    assert next_run(MailingState(RUNNING, zones, False, probe), now=NOW, pause=timedelta(0), deadline=DEADLINE) == probe
    assert next_run(MailingState(RUNNING, zones, True, probe), now=NOW, pause=MINUTE, deadline=DEADLINE) == NOW + MINUTE
