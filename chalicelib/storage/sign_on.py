"""Queries on identities at the OpenID Connect provider, and on used states."""

from sqlalchemy import Connection, text

STATE_MINUTES = 10
"""How long a login at the provider may take."""

_LINKED = text("SELECT user_id FROM sign_on_identity WHERE issuer = :issuer AND subject = :subject")
# Two logins of one claim at the same time: one of them links it.
_LINK = text(
    """
    UPDATE sign_on_identity SET subject = :subject, linked_at = now()
    WHERE issuer = :issuer AND claim = :claim AND subject IS NULL RETURNING user_id
    """
)
_PREPARE = text(
    """
    INSERT INTO sign_on_identity (user_id, issuer, claim) VALUES (:user, :issuer, :claim)
    ON CONFLICT (user_id) DO UPDATE SET issuer = excluded.issuer, claim = excluded.claim, subject = NULL, linked_at = NULL
    """
)
_ADD = text(
    "INSERT INTO sign_on_identity (user_id, issuer, subject, linked_at) VALUES (:user, :issuer, :subject, now())"
    " ON CONFLICT DO NOTHING RETURNING user_id"
)
_REMOVE = text("DELETE FROM sign_on_identity WHERE user_id = :user")
_SWEEP = text(f"DELETE FROM sign_on_state WHERE used_at < now() - interval '{2 * STATE_MINUTES} minutes'")  # noqa: S608 - a constant
_USE = text("INSERT INTO sign_on_state (state_sha256) VALUES (:state) ON CONFLICT DO NOTHING RETURNING state_sha256")


def linked(connection: Connection, issuer: str, subject: str) -> int | None:
    """The user that this subject has logged in as before."""
    found: int | None = connection.execute(_LINKED, {"issuer": issuer, "subject": subject}).scalar_one_or_none()
    return found


def link(connection: Connection, issuer: str, claim: str, subject: str) -> int | None:
    """Link the subject to the user that is prepared for the claim; None if there is none, or another subject came first."""
    parameters = {"issuer": issuer, "claim": claim, "subject": subject}
    found: int | None = connection.execute(_LINK, parameters).scalar_one_or_none()
    return found


def prepare(connection: Connection, user_id: int, issuer: str, claim: str) -> None:
    """Let the first subject with the claim log in as the user, in place of who did before."""
    connection.execute(_PREPARE, {"user": user_id, "issuer": issuer, "claim": claim})


def add(connection: Connection, user_id: int, issuer: str, subject: str) -> bool:
    """Link a subject to a user that was made for it; False if it is linked by now."""
    return connection.execute(_ADD, {"user": user_id, "issuer": issuer, "subject": subject}).rowcount == 1


def remove(connection: Connection, user_id: int) -> bool:
    """Take the identity off a user; False if there is none."""
    return connection.execute(_REMOVE, {"user": user_id}).rowcount == 1


def use_state(connection: Connection, state_sha256: bytes) -> bool:
    """Use a state up; False if it was used before."""
    connection.execute(_SWEEP)
    return connection.execute(_USE, {"state": state_sha256}).rowcount == 1
