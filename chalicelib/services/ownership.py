"""Whose a new thing is, and whose things a list shows."""

from sqlalchemy import Connection

from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError
from chalicelib.storage import users


def owner_of_new(connection: Connection, principal: Principal, wanted: int | None) -> int:
    """The owner of what `principal` makes: themselves, or whom a superuser names. Raises InvalidInputError."""
    if wanted is None or wanted == principal.user_id:
        return principal.user_id
    if not principal.is_superuser or not limits.is_id(wanted) or not users.exists(connection, wanted):
        # A user that is not there and one that may not be named are answered alike.
        raise InvalidInputError(
            FieldError("owner", "only a superuser may name another user, and one that exists", FieldCode.NOT_ALLOWED)
        )
    return wanted


def listed_owner(principal: Principal, wanted: int | None) -> int | None:
    """Return whose things a list for `principal` shows; None, which only a superuser gets, is everyone's. Raises InvalidInputError."""
    if principal.is_superuser or wanted in (None, principal.user_id):
        return principal.owner_filter if wanted is None else wanted
    raise InvalidInputError(FieldError("owner", "only a superuser may name another user", FieldCode.NOT_ALLOWED))
