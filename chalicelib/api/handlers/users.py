"""Users, for superusers; and everybody's own account."""

from http import HTTPStatus

from pydantic import Field

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, operation, partial
from chalicelib.api.pages import Page, PageQuery
from chalicelib.api.schemas.fields import Id, Moment
from chalicelib.auth.passwords import MAX_LENGTH, MIN_LENGTH
from chalicelib.auth.throttle import Guess
from chalicelib.domain import limits
from chalicelib.domain.errors import NotFoundError
from chalicelib.services import accounts, tokens
from chalicelib.services.accounts import Account, AccountChanges, Kept
from chalicelib.services.logins import limit_of
from chalicelib.storage.user_edits import UserRow

_TAG = "users"
_PASSWORD = Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, examples=["correct horse battery"])


class UserIn(Schema):
    """A user to be made."""

    username: str = Field(min_length=1, max_length=limits.USERNAME_LENGTH, examples=["anna"])
    password: str = _PASSWORD
    is_superuser: bool = Field(default=False, description="Sees and does everything")
    is_active: bool = Field(default=True, description="Whoever is not active has no access at all")


@partial
class UserPatch(UserIn):
    """What is to change of a user: what is not named stays."""


class UserOut(Schema):
    """A user."""

    id: Id
    username: str
    is_superuser: bool
    is_active: bool
    created_at: Moment


class UserQuery(PageQuery):
    """Which users."""

    username: str | None = Field(
        default=None, min_length=1, max_length=limits.USERNAME_LENGTH, description="The one of this name"
    )


class PasswordIn(Schema):
    """Another password for yourself."""

    old_password: str = Field(min_length=1, max_length=MAX_LENGTH)
    password: str = _PASSWORD
    revoke_tokens: bool = Field(default=True, description="false: your other API tokens stay valid")


class TokensRevoked(Schema):
    """How many tokens there were."""

    revoked: int


def show(row: UserRow) -> UserOut:
    """A user as the API shows it: without the password's hash."""
    return UserOut(**{name: getattr(row, name) for name in UserOut.model_fields})


def _id(call: Call[object, object]) -> int:
    """The id in the path. For whoever is no superuser there is no other user."""
    found = call.id_of("user")
    if found != call.principal.user_id and not call.principal.is_superuser:
        raise NotFoundError("user")
    return found


@operation("List users", tag=_TAG, errors=(HTTPStatus.FORBIDDEN,))
def page(call: Call[NoBody, UserQuery]) -> Page[UserOut]:
    """For superusers."""
    part = pages.wanted(call)
    return pages.shown(call, part, accounts.page(call.engine, call.principal, part, call.query.username), show)


@operation("Create a user", tag=_TAG, status=HTTPStatus.CREATED, secret=True)
def create(call: Call[UserIn, NoQuery]) -> UserOut:
    """For superusers. To give the user a token, `POST /api/v1/token` with `user`, or log in with their name and password."""
    given = call.body
    account = Account(given.username, given.is_superuser, given.is_active)
    return show(accounts.create(call.engine, call.principal, account, given.password))


@operation("Get your own account", tag=_TAG)
def me(call: Call[NoBody, NoQuery]) -> UserOut:
    """Who the token of this request belongs to."""
    return show(accounts.me(call.engine, call.principal))


@operation("Change your own password", tag=_TAG, secret=True, errors=(HTTPStatus.TOO_MANY_REQUESTS,))
def change_own_password(call: Call[PasswordIn, NoQuery]) -> None:
    """Ends your sessions and, unless told otherwise, revokes your tokens; the token of this request stays valid."""
    kept = Kept(token_id=call.token_id, tokens=not call.body.revoke_tokens)
    guess = Guess(call.source_ip, limit_of(call.settings))
    accounts.change_own_password(call.engine, call.principal, call.body.old_password, call.body.password, kept, guess)


@operation("Get a user", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> UserOut:
    """Yourself; a superuser reads anyone."""
    user_id = _id(call)
    return show(
        accounts.me(call.engine, call.principal)
        if user_id == call.principal.user_id
        else accounts.get(call.engine, call.principal, user_id)
    )


@operation("Update a user", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def change(call: Call[UserPatch, NoQuery]) -> UserOut:
    """For superusers: name, password, rights. Another password and `is_active: false` end the user's sessions and revoke their tokens.

    `is_active: false` also pauses the user's scheduled and running mailings; `is_active: true` does not resume them.
    """
    return show(accounts.edit(call.engine, call.principal, _id(call), AccountChanges(**call.body.named)))


@operation("Deactivate a user", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def deactivate(call: Call[NoBody, NoQuery]) -> UserOut:
    """For superusers: ends the user's sessions and revokes their tokens; what they own stays.

    Their scheduled and running mailings are paused, with a line in their history; activating the user does not resume them.
    """
    return show(accounts.edit(call.engine, call.principal, _id(call), AccountChanges(is_active=False)))


@operation("Delete a user", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def delete(call: Call[NoBody, NoQuery]) -> None:
    """For superusers. Whoever owns clients, mailings or do-not-contact entries is deactivated instead: 409."""
    accounts.delete(call.engine, call.principal, _id(call))


@operation("Revoke all tokens of a user", tag=_TAG)
def revoke_tokens(call: Call[NoBody, NoQuery]) -> TokensRevoked:
    """Your own, the one of this request too; a superuser's call revokes anyone's."""
    return TokensRevoked(revoked=tokens.revoke_all(call.engine, call.principal, _id(call)))
