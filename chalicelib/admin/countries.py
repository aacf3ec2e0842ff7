"""Countries of phones, by their names in the reader's language."""

from babel import Locale
from starlette.requests import Request
from starlette_admin.i18n import get_locale

from chalicelib.admin.access import principal_of
from chalicelib.domain.phone import PhoneError, countries, parse_phone
from chalicelib.services import accounts
from chalicelib.storage.engine import engine


def default_country(request: Request) -> str | None:
    """The country of phones that the user types without +, read once a request."""
    if not hasattr(request.state, "default_country"):
        request.state.default_country = accounts.default_country(engine(), principal_of(request))
    known: str | None = request.state.default_country
    return known


def typed_phone(request: Request, term: str) -> str | None:
    """The phone that a search term means, in E.164, where it means one."""
    try:
        return parse_phone(term, default_country(request))
    except PhoneError:
        return None


def country_name(code: str) -> str:
    """The name of a country."""
    return str(Locale.parse(get_locale()).territories.get(code, code))


def country_choices() -> list[tuple[str, str]]:
    """Code and name of every country whose national numbers can be read, by name."""
    return sorted(((code, country_name(code)) for code in countries()), key=lambda each: each[1])
