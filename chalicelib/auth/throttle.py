"""How often a password may be guessed: so many failures for one name, ten times that from one address, in a sliding window."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.storage import login_attempts
from chalicelib.storage.engine import autocommit

_ADDRESS_FACTOR = 10  # an office or a mobile network is one address


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures for one name within so many seconds."""

    failures: int
    window_seconds: float


class TooManyAttemptsError(Exception):
    """Come back in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts: try again in {retry_after} seconds")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login that may go on to the password."""

    name: bytes
    ids: Sequence[int]


def admit(source: Engine, username: str, address: str, limit: Limit) -> Attempt:
    """Lets a login go on to the password, counted as failed until `succeeded`. Raises TooManyAttemptsError."""
    name, place = _subject("name", username.lower()), _subject("address", address)
    with autocommit(source) as connection:
        ids = login_attempts.note(connection, [name, place], limit.window_seconds)
        for subject, allowed in ((name, limit.failures), (place, limit.failures * _ADDRESS_FACTOR)):
            found, seconds = login_attempts.count(connection, subject, limit.window_seconds)
            if found > allowed:
                # Not counted, or who keeps trying would keep a user out for ever.
                login_attempts.forget(connection, ids)
                raise TooManyAttemptsError(max(1, math.ceil(seconds)))
    return Attempt(name, ids)


def succeeded(source: Engine, attempt: Attempt) -> None:
    """The right password was given: the name starts afresh, and for the address, too, this was no failure."""
    with autocommit(source) as connection:
        login_attempts.forget(connection, attempt.ids)
        login_attempts.forget_subject(connection, attempt.name)


def _subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}:{value}".encode()).digest()
