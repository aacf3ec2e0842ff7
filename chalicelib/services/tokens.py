"""Use cases around API tokens. Everyone manages their own, superusers everyone's."""

from datetime import timedelta

from sqlalchemy import Connection, Engine

from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import tidy
from chalicelib.domain.errors import FieldCode, FieldError, ForbiddenError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.services import audit, history, second_factor
from chalicelib.services.audit import Event
from chalicelib.services.history import Change, Kind
from chalicelib.services.logins import IssuedToken, issue, too_many_tokens
from chalicelib.services.sessions import digest, idle
from chalicelib.storage import sessions, tokens, users
from chalicelib.storage.engine import autocommit
from chalicelib.storage.tokens import TokenRow

_OF_SESSION = 10


def create(
    source: Engine,
    principal: Principal,
    name: str,
    lifetime: timedelta | None = None,
    *,
    user_id: int | None = None,
    made_with: int | None = None,
) -> tuple[TokenRow, IssuedToken]:
    """Make a token and return it with its text, which is told this once. A superuser may make one for another user.

    A token that is made with a token ends with it: no later than it, and at once when it is revoked. Raises InvalidInputError,
    ConflictError for a user who has too many.
    """
    name = tidy(name) if isinstance(name, str) else name
    if problems := limits.token_problems(name, lifetime):
        raise InvalidInputError(*problems)
    owner, most = principal.user_id if user_id is None else user_id, settings().tokens_per_user
    with source.begin() as connection:
        if (
            (owner != principal.user_id and not principal.is_superuser)
            or not limits.is_id(owner)
            or not users.lock(connection, owner)
        ):
            raise InvalidInputError(
                FieldError(
                    "user", "only a superuser may name another user, and one that exists and is active", FieldCode.NOT_ALLOWED
                )
            )
        if tokens.live(connection, owner) >= most:
            raise too_many_tokens(most)
        issued = issue(connection, owner, name, _lifetime(connection, lifetime, made_with), made_with=made_with)
        history.note(connection, principal, _change(owner, "create_token", [None, name]))
        return tokens.find(connection, issued.token_id), issued


def _lifetime(connection: Connection, asked: timedelta | None, made_with: int | None) -> timedelta:
    usual = timedelta(days=settings().token_days)
    if made_with is None:
        return asked or usual
    found = tokens.expiry(connection, made_with)
    if found is None:
        raise ForbiddenError("the token of this request was revoked meanwhile")
    expires_at, now = found
    if asked is not None and asked > expires_at - now:
        until = f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"
        why = f"a token ends no later than the one that it is made with, which is good until {until}"
        raise InvalidInputError(FieldError("days", why, FieldCode.OUT_OF_RANGE))
    return min(asked or usual, expires_at - now)


def create_for_documentation(source: Engine, secret: str) -> IssuedToken | None:
    """Make a token of a few minutes for the documentation page of this session, with which it ends; None without a session."""
    lifetime = timedelta(minutes=settings().documentation_token_minutes)
    with source.begin() as connection:
        found = sessions.find(connection, digest(secret), idle())
        if found is None or not users.lock(connection, found.user_id):
            return None
        if second_factor.required() and found.is_superuser and not second_factor.is_on(connection, found.user_id):
            return None
        session = (found.user_id, "documentation", lifetime)
        issued = issue(connection, *session, session_id=found.session_id)
        tokens.trim_of_session(connection, found.session_id, _OF_SESSION)
        return issued


def page(source: Engine, principal: Principal, part: Slice, user_id: int | None = None) -> list[TokenRow]:
    """Return a slice of a user's tokens; without one of the asker's, of a superuser everyone's. Raises NotFoundError."""
    chosen = principal.owner_filter if user_id is None else user_id
    if chosen != principal.user_id and not principal.is_superuser:
        raise NotFoundError("user")
    with autocommit(source) as connection:
        return tokens.page(connection, chosen, part)


def revoke(source: Engine, principal: Principal, token_id: int) -> int:
    """Make a token worthless at once, with those made with it, and return whose it was. Raises NotFoundError, also for another's."""
    with source.begin() as connection:
        gone = tokens.remove(connection, principal.owner_filter, token_id) if limits.is_id(token_id) else None
        if gone is None:
            raise NotFoundError("token")
        audit.record(connection, Event.TOKEN_REVOKED, token=token_id, owner=gone.user_id)
        history.note(connection, principal, _change(gone.user_id, "revoke_token", [gone.name, None]))
        return gone.user_id


def revoke_all(source: Engine, principal: Principal, user_id: int) -> int:
    """Make all tokens of a user worthless at once and return how many they were. Raises NotFoundError, also for another's."""
    if user_id != principal.user_id and not principal.is_superuser:
        raise NotFoundError("user")
    with source.begin() as connection:
        if not limits.is_id(user_id) or not users.there(connection, user_id):
            raise NotFoundError("user")
        users.lock(connection, user_id)
        number = tokens.remove_of_user(connection, user_id)
        audit.record(connection, Event.TOKEN_REVOKED, tokens=number, owner=user_id)
        history.note(connection, principal, Change(Kind.USER, user_id, user_id, "revoke_tokens", {"tokens": [number, 0]}))
        return number


def _change(user_id: int, action: str, names: list[str | None]) -> Change:
    return Change(Kind.USER, user_id, user_id, action, {"token": names})
