"""The 2,160 test clients."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.config import settings
from chalicelib.domain import demo_clients
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ForbiddenError
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.storage import clients
from chalicelib.storage.engine import autocommit

_SLICE = 1_000
"""Clients of one transaction: their waiting messages are closed, and all their messages are unlinked with them."""
_SECONDS_AT_ONCE = 8.0
"""How long a request deletes clients before it leaves the rest to reconcile."""


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


@dataclass(frozen=True, slots=True)
class Removed:
    """How many clients were deleted by now, and how many are still to be deleted, by reconcile."""

    deleted: int
    remaining: int


def remove_all(
    source: Engine,
    principal: Principal,
    *,
    enabled: bool,
    seconds: float = _SECONDS_AT_ONCE,
    monotonic: Callable[[], float] = time.monotonic,
) -> Removed:
    """Delete every client of every owner, for `seconds` at once and the rest in the background. Raises ForbiddenError like `add`."""
    refuse_unless_allowed(principal, enabled=enabled)
    with source.begin() as connection:
        through = clients.begin_deletion(connection) or 0
        history.note(connection, principal, _change(principal, "delete_all_clients", clients.count_through(connection, through)))
    deleted = go_on_removing(source, seconds, monotonic)
    with autocommit(source) as connection:
        return Removed(deleted, clients.count_through(connection, through))


def go_on_removing(source: Engine, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Delete slices of the clients whose deletion is pending until the time is over; how many clients were deleted.

    Each slice is a transaction of its own. Clients that somebody else has locked are left to the next call.
    """
    ends, removed, after = monotonic() + seconds, 0, 0
    while True:
        with source.begin() as connection:
            through = clients.pending_deletion(connection)
            if through is None:
                return removed
            some = clients.lock_some(connection, _SLICE, after, through)
            removed += clients.remove(connection, some, settings().provider_name) if some else 0
            if not some:
                if clients.count_through(connection, through) == 0:
                    clients.end_deletion(connection, through)
                return removed
            after = some[-1]
        if monotonic() >= ends:
            return removed


def _change(principal: Principal, action: str, count: int) -> Change:
    return Change(Kind.USER, principal.user_id, principal.user_id, action, {"clients": [None, count]})


def refuse_unless_allowed(principal: Principal, *, enabled: bool) -> None:
    """Test clients are for superusers, and not for production."""
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    if not enabled:
        raise ForbiddenError("test clients are switched off on this stage (TEST_CLIENTS_ENABLED)")
