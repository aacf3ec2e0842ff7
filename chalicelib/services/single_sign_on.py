"""Use cases around single sign-on: who may log in as which user with an identity of the OpenID Connect provider.

A subject of the provider is linked to a user once: to the one that a superuser prepared for its claim, or, if the settings allow it, to a
new ordinary user. No claim makes anybody a superuser unless the settings name a group that does.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.auth.passwords import hash_password
from chalicelib.config import Settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ConflictError, FieldError, ForbiddenError, InvalidInputError, NotFoundError, ServiceError
from chalicelib.services import audit, history
from chalicelib.services.audit import Event
from chalicelib.services.history import Change, Kind
from chalicelib.services.logins import LoginError
from chalicelib.storage import sessions, sign_on, user_edits, users
from chalicelib.storage.engine import UNIQUE_VIOLATION, sqlstate

_CLAIM_LENGTH = 254
_METHODS = frozenset({"mfa", "otp", "hwk", "swk", "sms", "fpt", "face"})
"""Values of `amr` (RFC 8176) that stand for more than a password."""


class SignOnError(LoginError):
    """The person may not log in here. `reason` is one of our own words; the person is not told it."""

    def __init__(self, reason: str) -> None:
        ServiceError.__init__(self, "single sign-on failed: try again, or ask an administrator for access")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of single sign-on."""

    issuer: str
    claim: str
    create_users: bool
    groups_claim: str
    superuser_group: str
    superusers_need_mfa: bool

    @classmethod
    def of(cls, chosen: Settings) -> "Rules":
        """Those of these settings."""
        return cls(
            chosen.oidc_issuer,
            chosen.oidc_claim,
            chosen.oidc_create_users,
            chosen.oidc_groups_claim,
            chosen.oidc_superuser_group,
            chosen.second_factor_for_superusers,
        )


def prepare(source: Engine, principal: Principal, user_id: int, issuer: str, claim: str) -> None:
    """Let the first person with this claim log in as the user; sessions of the user end. An empty claim takes the identity away.

    Raises ForbiddenError, NotFoundError, InvalidInputError.
    """
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    if not issuer:
        raise ConflictError("single sign-on is not configured here")
    claim = _claim(claim)
    if len(claim) > _CLAIM_LENGTH or not claim.isprintable():
        raise InvalidInputError(FieldError("claim", f"must be at most {_CLAIM_LENGTH} printable characters"))
    with source.begin() as connection:
        if not limits.is_id(user_id) or user_edits.find(connection, user_id) is None:
            raise NotFoundError("user")
        if not claim:
            if not sign_on.remove(connection, user_id):
                raise ConflictError("this user has no single sign-on")
        else:
            try:
                sign_on.prepare(connection, user_id, issuer, claim)
            except DBAPIError as error:
                if sqlstate(error) != UNIQUE_VIOLATION:
                    raise
                raise InvalidInputError(FieldError("claim", "another user is prepared for this")) from None
        sessions.remove_of_user(connection, user_id)
        history.note(connection, principal, _change(user_id, "sign_on_prepared" if claim else "sign_on_removed"))


def use_state(source: Engine, state: str) -> None:
    """Use up the state that a browser came back with. Raises SignOnError for one that was used before."""
    with source.begin() as connection:
        if not sign_on.use_state(connection, hashlib.sha256(state.encode()).digest()):
            raise SignOnError("state_reused")


def user_for(source: Engine, rules: Rules, claims: Mapping[str, Any]) -> int:
    """Return the user that the person with these validated claims logs in as. Raises SignOnError."""
    subject = claims["sub"]
    with source.begin() as connection:
        user_id = sign_on.linked(connection, rules.issuer, subject) or _linked_now(connection, rules, claims)
        user = user_edits.find(connection, user_id)
        if user is None or not user.is_active:
            raise SignOnError("inactive")
        is_superuser = _with_rights(connection, rules, claims, user)
        if is_superuser and rules.superusers_need_mfa and not _METHODS & set(_texts(claims.get("amr"))):
            raise SignOnError("second_factor_missing")
        audit.record(connection, Event.LOGIN_OK, user_id=user_id, by="single_sign_on")
    return user_id


def record_failure(source: Engine, reason: str) -> None:
    """Write down that nobody was let in, and why."""
    with source.begin() as connection:
        audit.record(connection, Event.LOGIN_FAILED, by="single_sign_on", reason=reason)


def _linked_now(connection: Connection, rules: Rules, claims: Mapping[str, Any]) -> int:
    subject, value = claims["sub"], claims.get(rules.claim)
    claim = _claim(value) if isinstance(value, str) else ""
    trusted = bool(claim) and (rules.claim != "email" or claims.get("email_verified") is True)
    user_id = sign_on.link(connection, rules.issuer, claim, subject) if trusted else None
    if user_id is not None:
        history.note(connection, _as(connection, user_id), _change(user_id, "sign_on_linked"))
        return user_id
    if not rules.create_users:
        raise SignOnError("nobody_prepared")
    if not trusted or limits.username_problems(canonical(claim)):
        raise SignOnError("claim_unusable")
    return _created(connection, rules, canonical(claim), subject)


def _created(connection: Connection, rules: Rules, username: str, subject: str) -> int:
    if users.credentials(connection, username) is not None:
        # Whoever has this name was not prepared for single sign-on: the name alone proves nothing.
        raise SignOnError("name_taken")
    values = {
        "username": username,
        "password_hash": hash_password(secrets.token_urlsafe(32)),
        "is_superuser": False,
        "is_active": True,
    }
    try:
        made = user_edits.add(connection, values)
    except DBAPIError as error:
        raise SignOnError("name_taken") if sqlstate(error) == UNIQUE_VIOLATION else error from None
    if not sign_on.add(connection, made.id, rules.issuer, subject):
        raise SignOnError("linked_meanwhile")
    history.note(connection, _as(connection, made.id), _change(made.id, "create"))
    return made.id


def _with_rights(connection: Connection, rules: Rules, claims: Mapping[str, Any], user: user_edits.UserRow) -> bool:
    if not rules.superuser_group:
        return user.is_superuser
    wanted = rules.superuser_group in _texts(claims.get(rules.groups_claim))
    superusers = user_edits.lock_all_superusers(connection)
    before = user.id in superusers
    if wanted == before or (before and superusers == [user.id]):  # the last active superuser stays one
        return before
    user_edits.change(connection, user.id, {"is_superuser": wanted})
    history.note(connection, _as(connection, user.id), _change(user.id, "update", {"is_superuser": [before, wanted]}))
    return wanted


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _claim(value: str) -> str:
    return canonical(value.strip()).casefold()


def _as(connection: Connection, user_id: int) -> Principal:
    user = user_edits.find(connection, user_id)
    return Principal(user_id, user.username if user else "", is_superuser=False)


def _change(user_id: int, action: str, changes: dict[str, list[object]] | None = None) -> Change:
    return Change(Kind.USER, user_id, user_id, action, changes or {})
