"""The 2,160 test clients."""

from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.config import settings
from chalicelib.domain import demo_clients
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ForbiddenError
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.storage import clients

_SLICE = 5_000


@dataclass(frozen=True, slots=True)
class Added:
    """How many test clients were missing and were made, and how many there are now."""

    created: int
    total: int


def add(source: Engine, principal: Principal, *, enabled: bool) -> Added:
    """Makes what is missing of the test clients. Raises ForbiddenError for anyone but a superuser, and where they are switched off."""
    refuse_unless_allowed(principal, enabled=enabled)
    with source.begin() as connection:
        created = clients.add_test_clients(
            connection, principal.user_id, demo_clients.ZONES, demo_clients.FIRST_CODE, demo_clients.LAST_CODE
        )
        history.note(connection, principal, _change(principal, "add_test_clients", created))
    return Added(created, demo_clients.TOTAL)


def remove_all(source: Engine, principal: Principal, *, enabled: bool) -> int:
    """Deletes every client of everyone, and returns how many there were. Raises ForbiddenError like `add`."""
    refuse_unless_allowed(principal, enabled=enabled)
    removed = 0
    while True:
        with source.begin() as connection:
            some = clients.lock_some(connection, _SLICE)
            if not some:
                history.note(connection, principal, _change(principal, "delete_all_clients", removed))
                return removed
            removed += clients.remove(connection, some, settings().provider_name)


def _change(principal: Principal, action: str, count: int) -> Change:
    return Change(Kind.USER, principal.user_id, principal.user_id, action, {"clients": [None, count]})


def refuse_unless_allowed(principal: Principal, *, enabled: bool) -> None:
    """Test clients are for superusers, and not for production."""
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    if not enabled:
        raise ForbiddenError("test clients are switched off on this stage (TEST_CLIENTS_ENABLED)")
