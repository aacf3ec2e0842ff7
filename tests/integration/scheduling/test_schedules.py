"""How the next run is asked for: never before its moment, and never a schedule taken away that is still wanted."""

from datetime import timedelta

import pytest

from chalicelib.domain.status import StartSource
from chalicelib.services import schedules
from tests.world import NOW, START, World


@pytest.mark.parametrize(("ahead", "delay"), [(0.3, 1), (1, 1), (1.2, 2), (0, 0), (-5, 0)])
def test_a_wake_comes_no_earlier_than_its_moment(world: World, ahead: float, delay: int) -> None:
    """A run that comes early finds nothing due, and nobody would ask again until reconcile does."""
    mailing = world.write()
    world.sql("UPDATE mailing SET next_run_at = :moment", moment=NOW + timedelta(seconds=ahead))
    world.aws.runs.clear()
    schedules.arrange(world.engine, mailing.id, woken_by=StartSource.API, clock=world.clock)
    assert [seconds for _, seconds in world.aws.runs] == [delay]


def test_moments_within_one_second_share_a_schedule(world: World) -> None:
    mailing = world.write(starts_at=START + timedelta(hours=1, microseconds=200_000))
    [name] = world.aws.schedules
    moment = NOW + timedelta(hours=1, microseconds=400_000)
    world.sql("UPDATE mailing SET next_run_at = :moment", moment=moment)
    schedules.arrange(world.engine, mailing.id, woken_by=StartSource.API, clock=world.clock)
    assert list(world.aws.schedules) == [name]
    assert world.sql("SELECT schedule_at FROM mailing") == [(moment,)]
