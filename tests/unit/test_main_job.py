"""What `make demo` takes for a failure."""

import pytest

from local.main_job import Outcome, shortcomings

LEDGER = {"calls": 5, "accepted": 5, "deliveries": 5}


@pytest.mark.parametrize(
    ("started_by", "schedules_fire", "sent", "calls", "said"),
    [
        ("schedule", True, 5, 5, ""),
        ("reconcile", False, 5, 5, ""),
        ("reconcile", True, 5, 5, "reconcile started the mailing"),
        ("reconcile", False, 4, 5, "4 of 5 messages are sent"),
        ("schedule", True, 5, 6, "6 calls"),
    ],
)
def test_what_is_not_as_it_must_be(started_by: str, schedules_fire: bool, sent: int, calls: int, said: str) -> None:
    outcome = Outcome({"started_by": started_by, "counts": {"sent": sent, "total": 5}}, late=1, seconds=1)
    found = shortcomings(outcome, LEDGER | {"calls": calls}, 5, schedules_fire=schedules_fire)
    assert len(found) == bool(said)
    assert said in "".join(found)
