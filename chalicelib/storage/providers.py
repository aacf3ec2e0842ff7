"""Queries on accounts with providers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, text, update

from chalicelib.domain.paging import Slice
from chalicelib.storage.models import ProviderAccount
from chalicelib.storage.paging import rows_of


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """An account with a provider, without its credential."""

    id: int
    name: str
    kind: str
    url: str
    sender: str
    options: str
    honours_key: bool
    rate: int
    enabled: bool
    position: int
    updated_at: datetime


_COLUMNS: Final = (
    ProviderAccount.id,
    ProviderAccount.name,
    ProviderAccount.kind,
    ProviderAccount.url,
    ProviderAccount.sender,
    ProviderAccount.options,
    ProviderAccount.honours_key,
    ProviderAccount.rate,
    ProviderAccount.enabled,
    ProviderAccount.position,
    ProviderAccount.updated_at,
)

# The environment decides what its provider is; whether and when it is tried, people do.
_KEEP = text(
    """
    INSERT INTO provider AS p (name, kind, url, sender, options, honours_key, rate, environment)
    VALUES (:name, :kind, :url, :sender, :options, :honours_key, :rate, true)
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, url = excluded.url, sender = excluded.sender, options = excluded.options,
      honours_key = excluded.honours_key, rate = excluded.rate, environment = true, enabled = p.enabled OR NOT p.environment,
      updated_at = clock_timestamp()
    WHERE (p.kind, p.url, p.sender, p.options, p.honours_key, p.rate, p.environment)
      IS DISTINCT FROM (excluded.kind, excluded.url, excluded.sender, excluded.options, excluded.honours_key, excluded.rate, true)
    """
)
# An account that the settings named before is not called beside the one that they name now, unless a person enables it.
_RETIRE = text(
    """
    UPDATE provider SET environment = false, enabled = false, updated_at = clock_timestamp() WHERE environment AND name <> :name
    """
)
_USED = text(
    """
    SELECT EXISTS (SELECT 1 FROM mailing WHERE :name = ANY(providers) AND status NOT IN ('finished', 'cancelled'))
    """
)


def _row(row: Any) -> ProviderRow:
    return ProviderRow(*row)


def page(connection: Connection, part: Slice) -> list[ProviderRow]:
    """Return a slice of all accounts."""
    return [_row(row) for row in rows_of(connection, select(*_COLUMNS), ProviderAccount.id, part)]


def names(connection: Connection) -> list[str]:
    """Return the names of all accounts, in the default order."""
    return list(connection.execute(select(ProviderAccount.name).order_by(ProviderAccount.position, ProviderAccount.id)).scalars())


def find(connection: Connection, provider_id: int, *, lock: bool = False) -> ProviderRow | None:
    """Return the account, its row locked until the transaction ends if `lock`."""
    statement = select(*_COLUMNS).where(ProviderAccount.id == provider_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return _row(row) if row is not None else None


def by_name(connection: Connection, name: str) -> ProviderRow | None:
    """Return the account of this name."""
    row = connection.execute(select(*_COLUMNS).where(ProviderAccount.name == name)).one_or_none()
    return _row(row) if row is not None else None


def add(connection: Connection, values: Mapping[str, Any]) -> ProviderRow:
    """Insert an account."""
    return _row(connection.execute(insert(ProviderAccount).values(values).returning(*_COLUMNS)).one())


def change(connection: Connection, provider_id: int, values: Mapping[str, Any]) -> ProviderRow:
    """Write columns of an account; workers see that it changed by `updated_at`."""
    statement = (
        update(ProviderAccount).where(ProviderAccount.id == provider_id).values(**values, updated_at=func.clock_timestamp())
    )
    return _row(connection.execute(statement.returning(*_COLUMNS)).one())


def remove(connection: Connection, provider_id: int) -> None:
    """Delete an account."""
    connection.execute(delete(ProviderAccount).where(ProviderAccount.id == provider_id))


def keep(connection: Connection, values: Mapping[str, Any]) -> None:
    """Add the environment's provider, or write what the environment says of it now."""
    connection.execute(_RETIRE, {"name": values["name"]})
    connection.execute(_KEEP, values)


def is_used(connection: Connection, name: str) -> bool:
    """Does a mailing that is not over name it?"""
    return bool(connection.execute(_USED, {"name": name}).scalar_one())


def missing(connection: Connection, wanted: Collection[str]) -> list[str]:
    """Return those of the names that no account has."""
    there = set(connection.execute(select(ProviderAccount.name).where(ProviderAccount.name.in_(wanted))).scalars())
    return [name for name in wanted if name not in there]
