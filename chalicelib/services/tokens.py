"""Use cases around API tokens. Everyone manages their own, superusers too."""

from datetime import timedelta

from sqlalchemy import Engine

from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.services.logins import IssuedToken, issue
from chalicelib.storage import tokens
from chalicelib.storage.engine import autocommit
from chalicelib.storage.tokens import TokenRow


def create(source: Engine, principal: Principal, name: str, lifetime: timedelta) -> tuple[TokenRow, IssuedToken]:
    """A new token and, told this once, its text. Raises InvalidInputError."""
    if problems := limits.text_problems("name", name, limits.TOKEN_NAME_LENGTH, 1):
        raise InvalidInputError(*problems)
    with source.begin() as connection:
        issued = issue(connection, principal.user_id, name, lifetime)
        history.note(connection, principal, _change(principal, "create_token", [None, name]))
        return tokens.find(connection, issued.token_id), issued


def page(source: Engine, principal: Principal, part: Slice) -> list[TokenRow]:
    """A slice of the asker's tokens; their texts are not known any more."""
    with autocommit(source) as connection:
        return tokens.page(connection, principal.user_id, part)


def revoke(source: Engine, principal: Principal, token_id: int) -> None:
    """Makes a token worthless at once. Raises NotFoundError, also for another user's."""
    with source.begin() as connection:
        name = tokens.remove(connection, principal.user_id, token_id)
        if name is None:
            raise NotFoundError("token")
        history.note(connection, principal, _change(principal, "revoke_token", [name, None]))


def _change(principal: Principal, action: str, names: list[str | None]) -> Change:
    return Change(Kind.USER, principal.user_id, principal.user_id, action, {"token": names})
