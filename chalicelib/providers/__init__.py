"""Providers deliver messages. The outcome of a call is a value, never an exception."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chalicelib.config import ConfigurationError, Settings, settings
from chalicelib.once import once
from chalicelib.providers.aws_sms import AwsSms
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing, Provider
from chalicelib.providers.contract import ContractProvider
from chalicelib.providers.http import AnyHttp
from chalicelib.providers.infobip import Infobip
from chalicelib.providers.smsc import Smsc
from chalicelib.providers.twilio import Twilio

__all__ = ["KINDS", "Outgoing", "Provider", "configured", "provider_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of provider: its adapter, its address if all accounts share one, and whether it may deliver once for one key."""

    adapter: Callable[[Account, Connections], Provider]
    url: str | None = None
    honours_key: bool = False


KINDS: Final = {
    "contract": Kind(ContractProvider, honours_key=True),
    "aws_sms": Kind(AwsSms, url=""),
    "twilio": Kind(Twilio, url="https://api.twilio.com"),
    "infobip": Kind(Infobip, honours_key=True),
    "smsc": Kind(Smsc, url="https://smsc.ru"),
    "http": Kind(AnyHttp, honours_key=True),
}


@once
def configured() -> Provider:
    """Return the provider that the settings of this process name; made once, so that its connections are kept."""
    return provider_of(settings())


def provider_of(chosen: Settings) -> Provider:
    """Return the provider that these settings name; raises ConfigurationError that says which of them is wrong."""
    kind = KINDS.get(chosen.provider_kind)
    if kind is None:
        raise ConfigurationError(f"PROVIDER_KIND must be one of {', '.join(KINDS)}")
    if chosen.provider_honours_key and not kind.honours_key:
        raise ConfigurationError(
            f"PROVIDER_HONOURS_KEY must be false: {chosen.provider_kind} sends what it is given twice, twice"
        )
    url = chosen.provider_url or kind.url
    if url is None:
        raise ConfigurationError(f"PROVIDER_URL is needed for the kind {chosen.provider_kind}")
    account = Account(url, chosen.provider_token.get_secret_value(), chosen.provider_sender, chosen.provider_options)
    connections = Connections(chosen.provider_threads, chosen.provider_deadline_seconds, chosen.provider_idle_seconds)
    try:
        return kind.adapter(account, connections)
    except AccountError as error:
        raise ConfigurationError(str(error)) from None
