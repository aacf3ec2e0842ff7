"""The 2,160 test clients."""

from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.domain import demo_clients
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ForbiddenError
from chalicelib.storage import clients


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
    return Added(created, demo_clients.TOTAL)


def refuse_unless_allowed(principal: Principal, *, enabled: bool) -> None:
    """Test clients are for superusers, and not for production."""
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    if not enabled:
        raise ForbiddenError("test clients are switched off on this stage (TEST_CLIENTS_ENABLED)")
