"""Use cases around users, for superusers; and everyone's own password."""

from dataclasses import dataclass, fields, replace

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.auth.password_rules import require_good
from chalicelib.auth.passwords import PasswordError, hash_password, verify_password
from chalicelib.auth.throttle import Guess
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ConflictError, FieldCode, FieldError, ForbiddenError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import StartSource
from chalicelib.services import audit, guesses, history, schedules
from chalicelib.services.audit import Event
from chalicelib.services.history import Change, Kind
from chalicelib.services.sessions import digest
from chalicelib.storage import mailings, sessions, tokens, user_edits, users
from chalicelib.storage.clock import database_clock
from chalicelib.storage.engine import FOREIGN_KEY_VIOLATION, UNIQUE_VIOLATION, autocommit, sqlstate
from chalicelib.storage.user_edits import UserRow


@dataclass(frozen=True, slots=True)
class Account:
    """What is said of a user, less the password."""

    username: str
    is_superuser: bool = False
    is_active: bool = True


def superuser_named(source: Engine, username: str) -> Principal:
    """The active superuser of this name. Raises NotFoundError."""
    with autocommit(source) as connection:
        found = users.credentials(connection, canonical(username))
        user = user_edits.find(connection, found.id) if found else None
    if user is None or not (user.is_active and user.is_superuser):
        raise NotFoundError("superuser")
    return Principal(user.id, user.username, is_superuser=True)


def get(source: Engine, principal: Principal, user_id: int) -> UserRow:
    """The user. Raises ForbiddenError, NotFoundError."""
    _require_superuser(principal)
    with autocommit(source) as connection:
        return _found(connection, user_id)


def create(source: Engine, principal: Principal, account: Account, password: str) -> UserRow:
    """A new user. Raises ForbiddenError, InvalidInputError."""
    _require_superuser(principal)
    account = _checked(account)
    values = {**_values(account), "password_hash": _hashed(password, account.username)}
    with source.begin() as connection:
        try:
            made = user_edits.add(connection, values)
        except DBAPIError as error:
            raise _taken(error) from None
        history.note(connection, principal, _change(made.id, "create"))
    return made


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """What is to change of a user; None: stays as it is."""

    username: str | None = None
    password: str | None = None
    is_superuser: bool | None = None
    is_active: bool | None = None


def page(source: Engine, principal: Principal, part: Slice, username: str | None = None) -> list[UserRow]:
    """Return a slice of the users, or the one of this name. Raises ForbiddenError."""
    _require_superuser(principal)
    with autocommit(source) as connection:
        return user_edits.page(connection, part, username)


def me(source: Engine, principal: Principal) -> UserRow:
    """Return the asker."""
    with autocommit(source) as connection:
        return _found(connection, principal.user_id)


def change(source: Engine, principal: Principal, user_id: int, account: Account) -> UserRow:
    """Replace what is said of a user. Raises ForbiddenError, NotFoundError, InvalidInputError, ConflictError."""
    return edit(source, principal, user_id, AccountChanges(**_values(account)))  # type: ignore[arg-type]  # from one typed class to the other, by name


def edit(source: Engine, principal: Principal, user_id: int, changes: AccountChanges) -> UserRow:
    """Change a user, all or nothing. Deactivation and another password end their sessions and revoke their tokens.

    Deactivation pauses the user's scheduled and running mailings; nothing resumes them but a person. Raises ForbiddenError,
    NotFoundError, InvalidInputError, ConflictError.
    """
    _require_superuser(principal)
    hashed = None
    if changes.password is not None:
        # Without a connection in hand: the hash takes its time.
        hashed = _hashed(changes.password, changes.username or get(source, principal, user_id).username)
    with source.begin() as connection:
        superusers = user_edits.lock_all_superusers(connection)
        before = _found(connection, user_id)
        account = _checked(_merged(_account(before), changes))
        if superusers == [user_id] and not (account.is_superuser and account.is_active):
            raise ConflictError("the last active superuser stays one")
        if hashed is not None and user_id == principal.user_id:
            raise ConflictError("your own password is changed with the old one")
        try:
            changed = user_edits.change(connection, user_id, _values(account))
        except DBAPIError as error:
            raise _taken(error) from None
        differences = history.differences(_values(_account(before)), _values(account))
        if differences:
            history.note(connection, principal, _change(user_id, "update", differences))
        paused = _pause_mailings(connection, principal, user_id) if before.is_active and not account.is_active else []
        if hashed is not None:
            _store(connection, principal, user_id, hashed)
        elif not account.is_active:
            sessions.remove_of_user(connection, user_id)
            _note_revoked(connection, user_id, tokens.remove_of_user(connection, user_id))
    for mailing_id in paused:
        schedules.arrange(source, mailing_id, woken_by=StartSource.API)
    return changed


def _pause_mailings(connection: Connection, principal: Principal, user_id: int) -> list[int]:
    paused = mailings.pause_of_owner(connection, user_id, database_clock(connection))
    reason = {"reason": [None, "owner deactivated"]}
    history.note(connection, principal, *(Change(Kind.MAILING, each, user_id, "pause", reason) for each in paused))
    return paused


def set_password(source: Engine, principal: Principal, user_id: int, password: str) -> None:
    """Give a user another password, which ends their sessions and tokens. Raises ServiceError as `edit` does."""
    edit(source, principal, user_id, AccountChanges(password=password))


@dataclass(frozen=True, slots=True)
class Kept:
    """What goes on when somebody changes their own password: what the change was asked with, and with `tokens` all their tokens."""

    session_secret: str | None = None
    token_id: int | None = None
    tokens: bool = False


def change_own_password(source: Engine, principal: Principal, old: str, new: str, kept: Kept, guess: Guess) -> None:
    """Change one's own password, which ends one's other sessions and, unless they are kept, one's tokens.

    Whoever has found an open session may guess the old password no oftener than at the login. Raises InvalidInputError,
    TooManyAttemptsError.
    """
    with autocommit(source) as connection:
        user, stored = _found(connection, principal.user_id), user_edits.password_hash(connection, principal.user_id)
    with guesses.counted(source, user.id, user.username, guess, "old_password"):
        if not verify_password(stored, old):
            raise InvalidInputError(FieldError("old_password", "this is not your password"))
    hashed = _hashed(new, user.username)
    with source.begin() as connection:
        _store(connection, principal, user.id, hashed, kept)


def default_country(source: Engine, principal: Principal) -> str | None:
    """The country of phones that the user types without + in the admin panel; None: they are refused."""
    with autocommit(source) as connection:
        return user_edits.default_country(connection, principal.user_id)


def set_default_country(source: Engine, principal: Principal, country: str | None) -> None:
    """Remembers that country. Raises InvalidInputError for one that has no phones."""
    from chalicelib.domain.phone import CountryError, parse_country  # only here: manage needs no numbering plans

    try:
        code = parse_country(country) if country else None
    except CountryError as error:
        raise InvalidInputError(FieldError("default_country", str(error))) from None
    with source.begin() as connection:
        before = user_edits.default_country(connection, principal.user_id)
        if before != code:
            user_edits.change(connection, principal.user_id, {"default_country": code})
            history.note(connection, principal, _change(principal.user_id, "update", {"default_country": [before, code]}))


def delete(source: Engine, principal: Principal, user_id: int) -> None:
    """Deletes a user who owns nothing. Raises ForbiddenError, NotFoundError, ConflictError."""
    _require_superuser(principal)
    with source.begin() as connection:
        superusers = user_edits.lock_all_superusers(connection)
        _found(connection, user_id)
        if user_id == principal.user_id or superusers == [user_id]:
            raise ConflictError("nobody deletes themselves, nor the last active superuser")
        if user_edits.has_data(connection, user_id):
            raise _has_data()
        try:
            user_edits.remove(connection, user_id)
        except DBAPIError as error:
            raise _has_data() if sqlstate(error) == FOREIGN_KEY_VIOLATION else error from None
        history.note(connection, principal, _change(user_id, "delete"))


def _require_superuser(principal: Principal) -> None:
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")


def _found(connection: Connection, user_id: int) -> UserRow:
    found = user_edits.find(connection, user_id) if limits.is_id(user_id) else None
    if found is None:
        raise NotFoundError("user")
    return found


def _checked(account: Account) -> Account:
    name = canonical(account.username) if isinstance(account.username, str) else account.username
    flags = limits.flag_problems(is_superuser=account.is_superuser, is_active=account.is_active)
    if problems := [*limits.username_problems(name), *flags]:
        raise InvalidInputError(*problems)
    return replace(account, username=name)


def _hashed(password: str, username: str) -> str:
    try:
        if not isinstance(password, str):
            raise PasswordError("must be a text")
        require_good(password, username)
    except PasswordError as error:
        raise InvalidInputError(FieldError("password", str(error))) from None
    return hash_password(password)


def _store(connection: Connection, principal: Principal, user_id: int, hashed: str, kept: Kept | None = None) -> None:
    """The row is locked by the update: a token that is being made meanwhile is revoked too, or made after this."""
    kept = kept or Kept()
    user_edits.change(connection, user_id, {"password_hash": hashed})
    sessions.remove_of_user(connection, user_id, but=digest(kept.session_secret) if kept.session_secret else None)
    revoked = 0 if kept.tokens else tokens.remove_of_user(connection, user_id, but=kept.token_id)
    _note_revoked(connection, user_id, revoked)
    changes: dict[str, list[object]] = {"revoked_tokens": [None, revoked]} if revoked else {}
    history.note(connection, principal, _change(user_id, "change_password", changes))


def _note_revoked(connection: Connection, user_id: int, number: int) -> None:
    if number:
        audit.record(connection, Event.TOKEN_REVOKED, tokens=number, owner=user_id)


def _merged(account: Account, changes: AccountChanges) -> Account:
    named = {field.name: value for field in fields(account) if (value := getattr(changes, field.name)) is not None}
    return replace(account, **named)


def _account(row: UserRow) -> Account:
    return Account(row.username, row.is_superuser, row.is_active)


def _values(account: Account) -> dict[str, str | bool]:
    return {"username": account.username, "is_superuser": account.is_superuser, "is_active": account.is_active}


def _change(user_id: int, action: str, changes: dict[str, list[object]] | None = None) -> Change:
    return Change(Kind.USER, user_id, user_id, action, changes or {})


def _taken(error: DBAPIError) -> Exception:
    if sqlstate(error) == UNIQUE_VIOLATION:
        return InvalidInputError(FieldError("username", "another user has this name", FieldCode.TAKEN))
    return error


def _has_data() -> ConflictError:
    return ConflictError("this user owns clients, mailings or do-not-contact entries: deactivate them instead")
