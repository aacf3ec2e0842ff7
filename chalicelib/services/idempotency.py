"""One answer for one key, however often a call is repeated.

The key is taken in a transaction of its own before the call, and its answer is stored after it. A call that breaks off in between
leaves a key without an answer: nobody can tell whether it was done, so it is not done again, and the caller is told.
"""

from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.domain.errors import ConflictError, FieldError, InvalidInputError
from chalicelib.storage import idempotency
from chalicelib.storage.engine import autocommit
from chalicelib.storage.idempotency import KeyPlace

KEPT_HOURS = 24
HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the first call was answered."""

    status: int
    body: str


def begin(source: Engine, place: KeyPlace, body_sha256: bytes) -> KeptAnswer | None:
    """Takes the key, and returns None; or the answer of the call that had it before.

    Raises InvalidInputError if that was a call with another body, ConflictError if it has no answer.
    """
    with autocommit(source) as connection:
        idempotency.forget_old(connection, KEPT_HOURS)
        if idempotency.claim(connection, place, body_sha256):
            return None
        seen = idempotency.read(connection, place)
    if seen is not None and seen.body_sha256 != body_sha256:
        raise InvalidInputError(FieldError(HEADER, "this key was used for a call with another body"))
    if seen is None or seen.status is None or seen.answer is None:
        raise ConflictError(
            "a call with this key is being answered, or broke off: look whether it was done before you repeat it with another key"
        )
    return KeptAnswer(seen.status, seen.answer)


def finish(source: Engine, place: KeyPlace, answer: KeptAnswer) -> None:
    """Stores the answer of a call that was done."""
    with autocommit(source) as connection:
        idempotency.keep(connection, place, answer.status, answer.body)


def abandon(source: Engine, place: KeyPlace) -> None:
    """Frees the key of a call that was refused, and so did nothing."""
    with autocommit(source) as connection:
        idempotency.forget(connection, place)
