"""Use cases around logging in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from chalicelib import caller
from chalicelib.auth.passwords import verify_password
from chalicelib.auth.throttle import Limit, TooManyAttemptsError, admit, succeeded
from chalicelib.auth.tokens import fresh
from chalicelib.config import Settings, settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ConflictError, ServiceError
from chalicelib.domain.words import counted
from chalicelib.services import audit, second_factor
from chalicelib.services.audit import Event
from chalicelib.storage import tokens, user_edits, users
from chalicelib.storage.clock import database_clock as clock
from chalicelib.storage.engine import autocommit

_LOGIN = "login"


class LoginError(ServiceError):
    """No such user, wrong password or a user that is not active: which of them is not said."""

    def __init__(self) -> None:
        super().__init__("no user has this name and password")


class CodeNeededError(LoginError):
    """The password is right; the one-time code is missing, wrong, or was used before."""

    def __init__(self) -> None:
        ServiceError.__init__(self, "a one-time code is needed: this one is missing, wrong, or was used before")


class EnrolmentNeededError(LoginError):
    """A superuser has to set the second factor up first, which only the panel can do."""

    def __init__(self) -> None:
        ServiceError.__init__(self, "superusers need a second factor here: set it up in the admin panel first")


class PasswordLoginOffError(LoginError):
    """The service takes no passwords."""

    def __init__(self) -> None:
        ServiceError.__init__(self, "password login is switched off here: log in with single sign-on in the admin panel")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token's text, which is told once, and how long it is good for."""

    token: str
    token_id: int
    expires_at: datetime


def issue(
    connection: Connection,
    user_id: int,
    name: str,
    lifetime: timedelta,
    *,
    made_with: int | None = None,
    session_id: int | None = None,
) -> IssuedToken:
    """Make a token for the user, which ends with the token or the session that it is made with."""
    token_id = tokens.next_id(connection)
    made = fresh(token_id)
    new = tokens.NewToken(user_id, name, made.prefix, made.secret_sha256, lifetime, made_with, session_id)
    expires_at = tokens.add(connection, token_id, new)
    maker = caller.current().user_id or user_id  # a superuser may make one for somebody else
    audit.record(connection, Event.TOKEN_MADE, user_id=maker, token=token_id, owner=user_id, expires_at=expires_at)
    return IssuedToken(made.text, token_id, expires_at)


@dataclass(frozen=True, slots=True)
class LoginRules:
    """How long a token lives, and how often a password may be guessed."""

    token_lifetime: timedelta
    limit: Limit
    tokens: int = 50
    """How many a user may have."""
    second_factor_for_superusers: bool = False
    """Must a superuser have a second factor before a program gets a token?"""


def limit_of(chosen: Settings) -> Limit:
    """How often a password may be guessed."""
    return Limit(chosen.login_max_failures, chosen.login_window_seconds, chosen.known_place_days)


@dataclass(frozen=True, slots=True)
class Checked:
    """Who has logged in, and what that was decided by."""

    user_id: int
    password_hash: str
    with_code: bool

    def still_holds(self, connection: Connection) -> bool:
        """Lock the user, and say if the same would be decided now: the password may have been changed while it was compared.

        Whatever ends the user's sessions and tokens waits for this transaction, or came before it.
        """
        if not users.lock(connection, self.user_id) or user_edits.password_hash(connection, self.user_id) != self.password_hash:
            return False
        return second_factor.is_on(connection, self.user_id) == self.with_code


def login(source: Engine, username: str, password: str, address: str, rules: LoginRules, code: str = "") -> IssuedToken:
    """Return a new token for the user. Raises LoginError, TooManyAttemptsError, or ConflictError for who has too many tokens.

    A program that logs in at each start never gets there: at the limit the login token that was not used for longest ends.
    """
    found = checked(source, username, password, address, rules.limit, code=code)
    user_id = found.user_id
    with autocommit(source) as connection:
        user = user_edits.find(connection, user_id)
        if rules.second_factor_for_superusers and user and user.is_superuser and not second_factor.is_on(connection, user_id):
            raise EnrolmentNeededError
    with source.begin() as connection:
        if not found.still_holds(connection):
            raise LoginError
        excess = tokens.live(connection, user_id) - rules.tokens + 1
        if excess > 0 and tokens.remove_unused(connection, user_id, _LOGIN, excess) < excess:
            raise too_many_tokens(rules.tokens)
        return issue(connection, user_id, _LOGIN, rules.token_lifetime)


def too_many_tokens(limit: int) -> ConflictError:
    """Refuse another token."""
    return ConflictError(f"a user has at most {counted(limit, 'token')}: revoke one first")


def checked(
    source: Engine, username: str, password: str, address: str, limit: Limit, *, device: str = "", code: str = ""
) -> Checked:
    """The active user with this name, password and one-time code (if the user has a second factor).

    It was tried from `address`, perhaps in a browser known as `device`.

    Raises LoginError, or TooManyAttemptsError.
    """
    if not settings().password_login:
        raise PasswordLoginOffError
    if not isinstance(username, str) or not isinstance(password, str):
        raise LoginError
    second_factor.require_keys()
    # One form of the name for the count of attempts and for the look-up: else each spelling had attempts of its own.
    name = canonical(username)
    with autocommit(source) as connection:
        user = None if limits.username_problems(name) else users.credentials(connection, name)
    user_id = user.id if user else None
    try:
        attempt = admit(source, name, address, limit, device=device)
    except TooManyAttemptsError:
        _record(source, Event.THROTTLED, user_id)
        raise
    # Without a connection in hand: the hash takes its time, and takes it for unknown users as well.
    if not verify_password(user.password_hash if user else None, password) or user is None or not user.is_active:
        _record(source, Event.LOGIN_FAILED, user_id)
        raise LoginError
    with autocommit(source) as connection:
        with_code = second_factor.is_on(connection, user.id)
        right = not with_code or second_factor.use(connection, user.id, code, clock(connection))
    if not right:
        _record(source, Event.LOGIN_FAILED, user.id, code="wrong" if code else "missing")
        raise CodeNeededError
    _record(source, Event.LOGIN_OK, user.id, by="password and code" if with_code else "password")
    succeeded(source, attempt)
    return Checked(user.id, user.password_hash, with_code)


def _record(source: Engine, event: Event, user_id: int | None, **details: str) -> None:
    # Of a name that no user has nothing is kept: people type passwords into that field.
    with autocommit(source) as connection:
        audit.record(connection, event, user_id=user_id, **details)


def logout(source: Engine, principal: Principal, token_id: int) -> None:
    """Makes the presented token worthless at once."""
    with autocommit(source) as connection:
        tokens.remove(connection, principal.user_id, token_id)
        audit.record(connection, Event.TOKEN_REVOKED, token=token_id)
