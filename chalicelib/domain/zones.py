"""Which names of time zones are accepted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

_ODD_PREFIXES = ("posix/", "right/", "Etc/", "SystemV/")
_ODD_NAMES = frozenset({"localtime", "posixrules", "Factory", "build/etc/localtime"})


class ZoneError(ValueError):
    """Not a time zone that a client or a mailing may have; the message says what is allowed."""


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """IANA names that a client or a mailing may have.

    Names that mean the machine's own zone, count leap seconds or turn signs around (`Etc/GMT+3` is UTC−3) are left out: none of
    them is where a person lives. `UTC` stays. A client or a mailing that has another zone already (imported, or from an earlier
    version) keeps it until it is changed.
    """
    return frozenset(
        name
        for name in available_timezones()
        if name not in _ODD_NAMES and not name.startswith(_ODD_PREFIXES) and ("/" in name or name == "UTC")
    )


def parse_time_zone(name: str) -> str:
    """`name` if it is one of `time_zones()`; raises ZoneError otherwise."""
    if not isinstance(name, str) or name not in time_zones():
        raise ZoneError("not the IANA name of a time zone, like Europe/Moscow")
    return name


def is_known(name: str) -> bool:
    """Can wall times of this zone be computed here?

    A name that was valid when it was stored may be missing from the time zone data of a later deployment.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # missing; no valid key or file; a folder of zones ("America") on some Pythons
        return False
    return True


@lru_cache(maxsize=4_096)
def zone_fits_country(name: str, country: str) -> bool:
    """Do clocks of a time zone ever show what clocks somewhere in the country show, in winter and in summer?

    True for a country or a zone that the time zone database does not know.
    """
    own = _zones_of_countries().get(country)
    return own is None or name in own or not is_known(name) or _offsets(name) in {_offsets(each) for each in own}


def _offsets(name: str) -> tuple[timedelta | None, ...]:
    zone = ZoneInfo(name)
    return tuple(datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))


@lru_cache(maxsize=1)
def _zones_of_countries() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _where, name = line.split("\t")[:3]
            found.setdefault(country, set()).add(name)
    return {country: frozenset(names) for country, names in found.items()}
