"""The names of users, for superusers."""

from sqlalchemy import select
from starlette.requests import Request

from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.models import User


def owner_choices(request: Request) -> list[tuple[int, str]]:
    """Id and name of every user, read once a request."""
    known: list[tuple[int, str]] | None = getattr(request.state, "owner_choices", None)
    if known is None:
        with autocommit(engine()) as connection:
            known = [(row[0], row[1]) for row in connection.execute(select(User.id, User.username).order_by(User.username))]
        request.state.owner_choices = known
    return known
