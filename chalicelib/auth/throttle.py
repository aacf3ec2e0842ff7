"""How often a password may be guessed.

Three limits, each on failures only:

- one name from one place (an address, or a browser that has logged in before): `failures` in a sliding window;
- one address, whatever the names: ten times that;
- one name from anywhere: after `failures`, a delay that doubles up to `longest_delay`. Places from which this user has logged in
  before skip this one, so that guesses from elsewhere do not lock the user out.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from chalicelib.domain.errors import TooManyRequestsError
from chalicelib.domain.words import counted
from chalicelib.storage import login_attempts
from chalicelib.storage.clock import Clock, database_clock

_ADDRESS_FACTOR = 10  # an office or a mobile network is one address
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures within so many seconds; places are known for `known_days` after the last login there."""

    failures: int
    window_seconds: float
    known_days: float = 90

    @property
    def longest_delay(self) -> float:
        """Seconds between two guesses of one name from unknown places, once there have been many."""
        return self.window_seconds / self.failures

    @property
    def guesses_an_hour(self) -> int:
        """How many passwords of one name can be tried within an hour from unknown places, however many these are."""
        growing = math.ceil(math.log2(max(2.0, self.longest_delay)))
        return self.failures + growing + math.ceil(_HOUR / self.longest_delay)


@dataclass(frozen=True, slots=True)
class Guess:
    """From where somebody gives a password or a code, and how often they may."""

    address: str
    limit: Limit
    device: str = ""


class TooManyAttemptsError(TooManyRequestsError):
    """Too many passwords were tried."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts: try again in {counted(retry_after, 'second')}", retry_after)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login that may go on to the password."""

    name: bytes
    places: Sequence[bytes]
    """From where: the address, and the browser if it says which it is."""
    pair: bytes
    ids: Sequence[int]


def admit(source: Engine, name: str, address: str, limit: Limit, *, device: str = "", clock: Clock = database_clock) -> Attempt:
    """Lets a login go on to the password, counted as failed until `succeeded`. Raises TooManyAttemptsError.

    `name` is the user's name in its stored form; `device` is what the browser's cookie holds.
    """
    subject, from_address = _subject("name", name), _subject("address", address)
    places = [from_address, *([_subject("device", device)] if device else [])]
    with source.begin() as connection:
        # Logins of one name, and from one address, one after the other: no two pass by not seeing each other.
        login_attempts.lock(connection, [subject, from_address])
        now = clock(connection)
        since = now - timedelta(days=limit.known_days)
        known = login_attempts.known_places(connection, subject, places, since)
        by_device = places[-1] if len(places) > 1 and places[-1] in known else None
        pair = _subject("pair", (subject + (by_device or from_address)).hex())
        waits = [_wait(connection, pair, limit.failures, limit.window_seconds, now)]
        if by_device is None:
            waits.append(_wait(connection, from_address, limit.failures * _ADDRESS_FACTOR, limit.window_seconds, now))
        if not known:
            waits.append(_delay(connection, subject, limit, now))
        if max(waits) > 0:  # not counted, or who keeps trying would keep a user out for ever
            raise TooManyAttemptsError(max(1, math.ceil(max(waits))))
        window = max(limit.window_seconds, _HOUR)
        ids = login_attempts.note(connection, [subject, pair, from_address], now, now - timedelta(seconds=window))
    return Attempt(subject, places, pair, ids)


def succeeded(source: Engine, attempt: Attempt, *, clock: Clock = database_clock) -> None:
    """The right password was given: this was no failure, this place starts afresh and is known from now on.

    What was guessed elsewhere stays counted, or each login of the user would give guessers another start.
    """
    with source.begin() as connection:
        login_attempts.forget(connection, attempt.ids)
        login_attempts.forget_subject(connection, attempt.pair)
        login_attempts.know(connection, attempt.name, attempt.places, clock(connection))


def _wait(connection: Connection, subject: bytes, failures: int, window: float, now: datetime) -> float:
    found = login_attempts.since(connection, subject, now - timedelta(seconds=window))
    return window - (now - found.first).total_seconds() if found.first and found.number >= failures else 0


def _delay(connection: Connection, subject: bytes, limit: Limit, now: datetime) -> float:
    found = login_attempts.since(connection, subject, now - timedelta(seconds=_HOUR))
    beyond = found.number - limit.failures
    if found.last is None or beyond < 0:
        return 0
    delay = min(limit.longest_delay, 2.0 ** min(beyond + 1, 30))
    return delay - (now - found.last).total_seconds()


def _subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}:{value}".encode(errors="surrogatepass")).digest()
