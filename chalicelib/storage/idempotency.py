"""Queries on idempotency keys."""

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Whose key it is, and of which call."""

    user_id: int
    method: str
    path: str
    key: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that was made with the key; without `status` it has not been answered."""

    body_sha256: bytes
    status: int | None
    answer: str | None


_THIS = "user_id = :user_id AND method = :method AND path = :path AND key = :key"
_FORGET_OLD = text("DELETE FROM idempotency_key WHERE created_at < now() - make_interval(hours => :hours)")
_CLAIM = text(
    """
    INSERT INTO idempotency_key (user_id, method, path, key, body_sha256) VALUES (:user_id, :method, :path, :key, :body)
    ON CONFLICT DO NOTHING RETURNING 1
    """
)
_READ = text(f"SELECT body_sha256, status, answer FROM idempotency_key WHERE {_THIS}")  # noqa: S608 - column names of our own
_KEEP = text(f"UPDATE idempotency_key SET status = :status, answer = :answer WHERE {_THIS}")  # noqa: S608 - constants only
_FORGET = text(f"DELETE FROM idempotency_key WHERE {_THIS}")  # noqa: S608 - constants only


def _parameters(place: KeyPlace) -> dict[str, object]:
    return {"user_id": place.user_id, "method": place.method, "path": place.path, "key": place.key}


def forget_old(connection: Connection, hours: int) -> int:
    """Drops keys that have lived their time; how many."""
    return connection.execute(_FORGET_OLD, {"hours": hours}).rowcount


def claim(connection: Connection, place: KeyPlace, body_sha256: bytes) -> bool:
    """Takes the key for this call; False if it was taken before."""
    return connection.execute(_CLAIM, {**_parameters(place), "body": body_sha256}).one_or_none() is not None


def read(connection: Connection, place: KeyPlace) -> Seen | None:
    """The call that the key was taken for."""
    row = connection.execute(_READ, _parameters(place)).one_or_none()
    return Seen(*row) if row is not None else None


def keep(connection: Connection, place: KeyPlace, status: int, answer: str) -> None:
    """Stores what the call was answered."""
    connection.execute(_KEEP, {**_parameters(place), "status": status, "answer": answer})


def forget(connection: Connection, place: KeyPlace) -> None:
    """Frees the key: its call did nothing."""
    connection.execute(_FORGET, _parameters(place))
