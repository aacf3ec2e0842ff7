"""The zones of the test clients."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.demo_clients import TOTAL, ZONES


@pytest.mark.parametrize("month", [1, 7])
def test_there_is_one_zone_for_each_utc_hour(month: int) -> None:
    moment = datetime(2026, month, 1, tzinfo=UTC)
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for zone in ZONES]
    assert offsets == [timedelta(hours=hour) for hour in range(-11, 13)]
    assert TOTAL == 2160
