"""API tokens. Everyone manages their own, superusers everyone's."""

from datetime import timedelta
from http import HTTPStatus

from pydantic import Field

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, operation
from chalicelib.api.pages import Page, PageQuery
from chalicelib.api.schemas.fields import Id, Moment
from chalicelib.domain import limits
from chalicelib.services import tokens
from chalicelib.storage.tokens import TokenRow

_TAG = "tokens"
_MAX_DAYS = 3_650


class TokenIn(Schema):
    """A token to be made."""

    name: str = Field(min_length=1, max_length=limits.TOKEN_NAME_LENGTH, examples=["nightly import"])
    days: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_DAYS,
        description="How long it is good for, at most as long as the token of this request; without it the usual, or that long",
    )
    user: Id | None = Field(default=None, description="Superusers may name another user")


class TokenQuery(PageQuery):
    """Which tokens."""

    user: Id | None = Field(default=None, description="Superusers may name another user")


class TokenOut(Schema):
    """What can be shown of a token."""

    id: Id
    user: Id
    name: str
    prefix: str = Field(description="How its text begins", examples=["mlg_12_x7Qz"])
    created_at: Moment
    expires_at: Moment
    last_used_at: Moment | None = Field(description="To the minute")


class NewTokenOut(TokenOut):
    """A token with its text, which is told this once."""

    token: str


def _fields(row: TokenRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in TokenOut.model_fields}


def _show(row: TokenRow) -> TokenOut:
    return TokenOut.model_validate(_fields(row))


@operation("List tokens", tag=_TAG, errors=(HTTPStatus.NOT_FOUND,))
def page(call: Call[NoBody, TokenQuery]) -> Page[TokenOut]:
    """Yours by page, expired ones too; a superuser sees everyone's."""
    part = pages.wanted(call)
    return pages.shown(call, part, tokens.page(call.engine, call.principal, part, call.query.user), _show)


@operation("Create a token", tag=_TAG, status=HTTPStatus.CREATED, secret=True, errors=(HTTPStatus.CONFLICT,))
def create(call: Call[TokenIn, NoQuery]) -> NewTokenOut:
    """Its text is told in this answer and never again; we keep only a hash of it.

    It ends with the token of this request: no later, and at once when that one is revoked. Log in to get one that does not.
    """
    given = call.body
    lifetime = timedelta(days=given.days) if given.days else None
    row, issued = tokens.create(call.engine, call.principal, given.name, lifetime, user_id=given.user, made_with=call.token_id)
    return NewTokenOut.model_validate({**_fields(row), "token": issued.token})


@operation("Revoke a token", tag=_TAG)
def revoke(call: Call[NoBody, NoQuery]) -> None:
    """It is worthless at once, and so are those made with it. Yours; a superuser revokes anyone's."""
    tokens.revoke(call.engine, call.principal, call.id_of("token"))
