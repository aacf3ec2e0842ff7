"""Guesses of a password or a code by somebody who is logged in: whoever has found an open session is held to the limits of the login."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from chalicelib.auth.throttle import Guess, TooManyAttemptsError, admit, succeeded
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import InvalidInputError
from chalicelib.services import audit
from chalicelib.services.audit import Event
from chalicelib.storage.engine import autocommit


@contextmanager
def counted(source: Engine, user_id: int, username: str, guess: Guess, what: str) -> Iterator[None]:
    """Count what is tried inside, and write a wrong or refused guess into the audit log. Inside, a wrong one is an InvalidInputError.

    Raises TooManyAttemptsError.
    """
    try:
        attempt = admit(source, canonical(username), guess.address, guess.limit, device=guess.device)
    except TooManyAttemptsError:
        _record(source, Event.THROTTLED, user_id, what)
        raise
    try:
        yield
    except InvalidInputError:
        _record(source, Event.LOGIN_FAILED, user_id, what)
        raise
    succeeded(source, attempt)


def _record(source: Engine, event: Event, user_id: int, what: str) -> None:
    with autocommit(source) as connection:
        audit.record(connection, event, user_id=user_id, by=what)
