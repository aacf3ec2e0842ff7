"""Queries on second factors."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

_FIND = text("SELECT secret, confirmed_at IS NOT NULL FROM second_factor WHERE user_id = :user")
_BEGIN = text(
    """
    INSERT INTO second_factor AS f (user_id, secret) VALUES (:user, :secret)
    ON CONFLICT (user_id) DO UPDATE SET secret = f.secret RETURNING secret, confirmed_at IS NOT NULL
    """
)
_CONFIRM = text("UPDATE second_factor SET confirmed_at = now(), last_step = :step WHERE user_id = :user AND confirmed_at IS NULL")
# Of two logins with one code, or with an older one after a newer, only one goes through.
_USE_STEP = text("UPDATE second_factor SET last_step = :step WHERE user_id = :user AND last_step < :step")
_USE_CODE = text("DELETE FROM recovery_code WHERE user_id = :user AND code_sha256 = :code")
_ADD_CODES = text("INSERT INTO recovery_code (user_id, code_sha256) SELECT :user, unnest(CAST(:codes AS bytea[]))")
_DROP_CODES = text("DELETE FROM recovery_code WHERE user_id = :user")
_ALL = text("SELECT user_id, secret FROM second_factor ORDER BY user_id FOR UPDATE")
_STORE = text("UPDATE second_factor SET secret = :secret WHERE user_id = :user")
_COUNT_CODES = text("SELECT count(*) FROM recovery_code WHERE user_id = :user")
_REMOVE = text("DELETE FROM second_factor WHERE user_id = :user")


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A user's secret, as it is stored; it counts once a first code has confirmed it."""

    secret: str
    confirmed: bool


def find(connection: Connection, user_id: int) -> SecondFactor | None:
    """The user's second factor."""
    row = connection.execute(_FIND, {"user": user_id}).one_or_none()
    return SecondFactor(*row) if row is not None else None


def begin(connection: Connection, user_id: int, secret: str) -> SecondFactor:
    """Stores a secret that is still to be confirmed, and returns it, or the one that there is."""
    return SecondFactor(*connection.execute(_BEGIN, {"user": user_id, "secret": secret}).one())


def confirm(connection: Connection, user_id: int, step: int) -> bool:
    """Makes the secret count; False if it does already."""
    return connection.execute(_CONFIRM, {"user": user_id, "step": step}).rowcount == 1


def use_step(connection: Connection, user_id: int, step: int) -> bool:
    """Uses the code of a time step; False if it, or a later one, was used before."""
    return connection.execute(_USE_STEP, {"user": user_id, "step": step}).rowcount == 1


def use_code(connection: Connection, user_id: int, code_sha256: bytes) -> bool:
    """Uses a recovery code up; False if there is none such."""
    return connection.execute(_USE_CODE, {"user": user_id, "code": code_sha256}).rowcount == 1


def replace_codes(connection: Connection, user_id: int, codes: Sequence[bytes]) -> None:
    """Stores the hashes of new recovery codes in place of all before."""
    connection.execute(_DROP_CODES, {"user": user_id})
    connection.execute(_ADD_CODES, {"user": user_id, "codes": list(codes)})


def codes_left(connection: Connection, user_id: int) -> int:
    """How many recovery codes the user has."""
    return int(connection.execute(_COUNT_CODES, {"user": user_id}).scalar_one())


def remove(connection: Connection, user_id: int) -> bool:
    """Takes the second factor off a user; False if there was none."""
    connection.execute(_DROP_CODES, {"user": user_id})
    return connection.execute(_REMOVE, {"user": user_id}).rowcount == 1


def lock_all(connection: Connection) -> list[tuple[int, str]]:
    """Every user's id and secret as it is stored, locked."""
    return [(row.user_id, row.secret) for row in connection.execute(_ALL)]


def store(connection: Connection, user_id: int, secret: str) -> None:
    """Replace what is stored of a secret."""
    connection.execute(_STORE, {"user": user_id, "secret": secret})
