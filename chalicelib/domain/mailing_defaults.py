"""What a mailing gets that says nothing but its text: a name of its first words, a start now, an end a day later."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.characters import is_blank
from chalicelib.domain.limits import CONTROL

DURATION = timedelta(days=1)
_NAME_LENGTH = 60


def name_from(text: str) -> str:
    """Return the first words of the text, up to sixty characters."""
    words = " ".join(CONTROL.sub(" ", text).split())
    if is_blank(words):
        return "…"
    if len(words) <= _NAME_LENGTH:
        return words
    cut = words[: _NAME_LENGTH - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def wall_time_now(now: datetime, time_zone: str | None) -> datetime:
    """Return what clocks show now in the mailing's zone; in UTC for one that goes by each client's own."""
    return now.astimezone(ZoneInfo(time_zone) if time_zone else UTC).replace(tzinfo=None, microsecond=0)
