"""Use cases around the second factor: one-time codes of an app (TOTP, RFC 6238), and recovery codes for who loses it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import Connection, Engine

from chalicelib.auth.keyring import Keyring, UnreadableError, keyring
from chalicelib.auth.throttle import Guess
from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, FieldError, ForbiddenError, InvalidInputError, NotFoundError
from chalicelib.observability import warn
from chalicelib.services import guesses, history
from chalicelib.services.history import Change, Kind
from chalicelib.storage import second_factor, sessions, user_edits, users
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit

_STEP_SECONDS = 30
_SKEW = 1  # steps by which the clock of a phone may differ
_CODES = 10
_CODE_LENGTH = 28
_CODE_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 characters, none of which is taken for another: 140 bits, so that a plain hash is enough."""
_ISSUER = "mailing-api"
_PURPOSE = "secrets of authenticator apps"
_NOT_SEALED = re.compile(r"[A-Z2-7]{32}")
"""As secrets were stored before they were sealed; `migrate` seals them."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is set up with."""

    secret: str
    address: str
    """The otpauth:// address that a QR code shows."""


@dataclass(frozen=True, slots=True)
class State:
    """Is the second factor on, and how many recovery codes are left?"""

    on: bool
    codes_left: int = 0


def state(source: Engine, principal: Principal) -> State:
    """The asker's own."""
    with autocommit(source) as connection:
        found = second_factor.find(connection, principal.user_id)
        if found is None or not found.confirmed:
            return State(on=False)
        return State(on=True, codes_left=second_factor.codes_left(connection, principal.user_id))


def required() -> bool:
    """Is a second factor of ours asked of superusers? Where passwords are off, the OpenID Connect provider asks for its own."""
    return settings().second_factor_for_superusers and settings().password_login


def must_enrol(source: Engine, principal: Principal) -> bool:
    """Is this a superuser without the second factor that the service requires of superusers?"""
    return required() and principal.is_superuser and not state(source, principal).on


def begin(source: Engine, principal: Principal) -> Enrolment:
    """A secret for the asker's app, the same until it is confirmed. Raises ConflictError where the second factor is on."""
    fresh = pyotp.random_base32()
    sealed = keyring().seal(_PURPOSE, principal.user_id, fresh)
    with source.begin() as connection:
        found = second_factor.begin(connection, principal.user_id, sealed)
        if found.confirmed:
            raise ConflictError("the second factor is on already")
        secret = _opened(principal.user_id, found.secret)
        if secret is None:  # its key is gone, and no app has confirmed it
            second_factor.store(connection, principal.user_id, sealed)
            secret = fresh
    address = pyotp.TOTP(secret).provisioning_uri(name=principal.username, issuer_name=_ISSUER)
    return Enrolment(secret, address)


def confirm(
    source: Engine, principal: Principal, code: str, session_digest: bytes, *, clock: Clock = database_clock
) -> list[str]:
    """Turns the second factor on with a first code; returns the recovery codes, which are told this once.

    The asker's other sessions end: they were begun without it. Raises InvalidInputError, ConflictError.
    """
    with source.begin() as connection:
        users.lock(
            connection, principal.user_id
        )  # a login that was checked without the code is refused, or its session ended here
        found = second_factor.find(connection, principal.user_id)
        step = _step_of(principal.user_id, found.secret, code, clock(connection)) if found else None
        if step is None:
            raise InvalidInputError(FieldError("code", "this is not the code that the app shows now"))
        if not second_factor.confirm(connection, principal.user_id, step):
            raise ConflictError("the second factor is on already")
        sessions.remove_of_user(connection, principal.user_id, but=session_digest)
        history.note(connection, principal, _change(principal.user_id, "second_factor_on"))
        return _new_codes(connection, principal.user_id)


def renew_codes(source: Engine, principal: Principal, code: str, guess: Guess, *, clock: Clock = database_clock) -> list[str]:
    """New recovery codes in place of all before. Raises InvalidInputError for a wrong code, TooManyAttemptsError."""
    _require_code(source, principal, code, guess, clock)
    with source.begin() as connection:
        return _new_codes(connection, principal.user_id)


def turn_off(source: Engine, principal: Principal, code: str, guess: Guess, *, clock: Clock = database_clock) -> None:
    """Takes the asker's second factor off. Raises InvalidInputError for a wrong code, TooManyAttemptsError."""
    _require_code(source, principal, code, guess, clock)
    with source.begin() as connection:
        second_factor.remove(connection, principal.user_id)
        history.note(connection, principal, _change(principal.user_id, "second_factor_off"))


def reset(source: Engine, principal: Principal, user_id: int) -> None:
    """Takes the second factor off a user who lost it, and ends their sessions. Raises ForbiddenError, NotFoundError, ConflictError."""
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    with source.begin() as connection:
        if user_edits.find(connection, user_id) is None:
            raise NotFoundError("user")
        if not second_factor.remove(connection, user_id):
            raise ConflictError("this user has no second factor")
        sessions.remove_of_user(connection, user_id)
        history.note(connection, principal, _change(user_id, "second_factor_off"))


def is_on(connection: Connection, user_id: int) -> bool:
    """Does the user log in with a code?"""
    found = second_factor.find(connection, user_id)
    return found is not None and found.confirmed


def use(connection: Connection, user_id: int, code: str, now: datetime) -> bool:
    """Is this a code of the user's app that was not used yet, or a recovery code? It is used up by this."""
    found = second_factor.find(connection, user_id)
    if found is None or not found.confirmed:
        return False
    step = _step_of(user_id, found.secret, code, now)
    if step is not None:
        return second_factor.use_step(connection, user_id, step)
    return second_factor.use_code(connection, user_id, _digest(code))


def _require_code(source: Engine, principal: Principal, code: str, guess: Guess, clock: Clock) -> None:
    """Whoever has found an open session may guess codes no oftener than at the login."""
    require_keys()
    with guesses.counted(source, principal.user_id, principal.username, guess, "code"):
        with autocommit(source) as connection:
            right = use(connection, principal.user_id, code, clock(connection))
        if not right:
            raise InvalidInputError(FieldError("code", "this code is wrong, or was used before"))


def require_keys() -> None:
    """Raise ConfigurationError where no secret can be read: before an attempt is counted that could not succeed."""
    keyring()


def seal_stored(connection: Connection, keys: Callable[[], Keyring]) -> int:
    """Seal what is stored in clear or with an older key; returns how many. Raises ConfigurationError if that needs a key and there is none.

    What no key opens is left as it is: its user has recovery codes, or asks a superuser to take the second factor off.
    """
    changed = 0
    for user_id, stored in second_factor.lock_all(connection):
        ring = keys()
        in_clear = _NOT_SEALED.fullmatch(stored)
        if not in_clear and ring.is_newest(_PURPOSE, stored):
            continue
        try:
            secret = stored if in_clear else ring.open(_PURPOSE, user_id, stored)
        except UnreadableError:
            warn("second_factor_unreadable", user=user_id)
            continue
        second_factor.store(connection, user_id, ring.seal(_PURPOSE, user_id, secret))
        changed += 1
    return changed


def _opened(user_id: int, stored: str) -> str | None:
    if _NOT_SEALED.fullmatch(stored):
        return stored
    for _ in range(2):
        try:
            return keyring().open(_PURPOSE, user_id, stored)
        except UnreadableError:
            settings.cache_clear()  # somebody may have put a newer key into the secret
    warn("second_factor_unreadable", user=user_id)
    return None


def _step_of(user_id: int, stored: str, code: str, now: datetime) -> int | None:
    secret = _opened(user_id, stored)
    if secret is None:
        return None
    given = "".join(code.split())
    current = int(now.timestamp()) // _STEP_SECONDS
    app = pyotp.TOTP(secret)
    for step in range(current - _SKEW, current + _SKEW + 1):
        if hmac.compare_digest(app.generate_otp(step).encode(), given.encode()):
            return step
    return None


def _new_codes(connection: Connection, user_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(_CODES)]
    second_factor.replace_codes(connection, user_id, [_digest(code) for code in codes])
    return ["-".join(_parts(code)) for code in codes]


def _parts(code: str) -> Sequence[str]:
    return [code[place : place + 4] for place in range(0, len(code), 4)]


def _digest(code: str) -> bytes:
    return hashlib.sha256("".join(code.split()).replace("-", "").lower().encode()).digest()


def _change(user_id: int, action: str) -> Change:
    return Change(Kind.USER, user_id, user_id, action)
