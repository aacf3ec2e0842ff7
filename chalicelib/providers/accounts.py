"""The accounts that stand in the database, made into providers that can be called; each is made once in a process."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from chalicelib.config import ConfigurationError, Settings
from chalicelib.observability import warn
from chalicelib.providers import Provider, provider_of
from chalicelib.storage import providers
from chalicelib.storage.providers import ProviderRow

Ready = tuple[Settings, Provider]
"""A provider that can be called, and the settings that it was made of."""


def settings_of(chosen: Settings, row: ProviderRow) -> Settings:
    """Return the settings with this provider in place of the environment's; raises ConfigurationError."""
    if row.name == chosen.provider_name:
        return chosen
    credential = chosen.providers.get(row.name)
    if credential is None and row.kind != "aws_sms":
        raise ConfigurationError(f"the service's secret has no providers.{row.name}")
    return chosen.with_provider(
        provider_name=row.name,
        provider_kind=row.kind,
        provider_url=row.url,
        provider_token=credential or "",
        provider_sender=row.sender,
        provider_options=row.options,
        provider_honours_key=row.honours_key,
        provider_rate=row.rate,
    )


def ready(chosen: Settings, row: ProviderRow) -> Ready:
    """Return the provider of a row, which can be called; raises ConfigurationError that says what is missing or wrong."""
    found = settings_of(chosen, row)
    return found, provider_of(found)


def values_of(chosen: Settings) -> Mapping[str, Any]:
    """Return the row of the environment's provider."""
    return {
        "name": chosen.provider_name,
        "kind": chosen.provider_kind,
        "url": chosen.provider_url,
        "sender": chosen.provider_sender,
        "options": chosen.provider_options,
        "honours_key": chosen.provider_honours_key,
        "rate": chosen.provider_rate,
    }


class Accounts:
    """The providers of one process, by name. The environment's is always there; the others are read again when their row changed."""

    def __init__(self, chosen: Settings, provider: Provider) -> None:
        self._settings = chosen
        self._environment: Ready = chosen, provider
        self._made: dict[str, tuple[Any, Ready | None]] = {}

    def get(self, connection: Connection, name: str, version: object) -> Ready | None:
        """Return the provider, as its row of this version says; None if there is none that could be called."""
        if name == self._settings.provider_name:
            return self._environment
        known = self._made.get(name)
        if known is None or known[0] != version:
            known = self._made[name] = version, self._make(connection, name)
        return known[1]

    def _make(self, connection: Connection, name: str) -> Ready | None:
        row = providers.by_name(connection, name)
        if row is None:
            return None
        try:
            return ready(self._settings, row)
        except ConfigurationError as error:
            warn("provider_not_usable", provider=name, reason=str(error))
            return None
