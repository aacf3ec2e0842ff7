"""Providers deliver messages. The outcome of a call is a value, never an exception."""

from functools import lru_cache

from chalicelib.config import settings
from chalicelib.providers.base import Outgoing, Provider
from chalicelib.providers.contract import HttpProvider

__all__ = ["HttpProvider", "Outgoing", "Provider", "configured"]


@lru_cache(maxsize=1)
def configured() -> Provider:
    """Return the provider that the settings of this process name; made once, so that its connections are kept."""
    chosen = settings()
    return HttpProvider(
        chosen.provider_url,
        chosen.provider_token.get_secret_value(),
        threads=chosen.provider_threads,
        deadline=chosen.provider_deadline_seconds,
        idle_seconds=chosen.provider_idle_seconds,
    )
