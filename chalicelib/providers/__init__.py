"""Providers deliver messages. The outcome of a call is a value, never an exception."""

from chalicelib.providers.base import Outgoing, Provider
from chalicelib.providers.transport import HttpProvider, configured, retry_after

__all__ = ["HttpProvider", "Outgoing", "Provider", "configured", "retry_after"]
