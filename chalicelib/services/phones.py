"""Phones that callers type."""

from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError
from chalicelib.domain.phone import CountryError, PhoneError, parse_phone


def typed_phone(text: str, country: str | None = None) -> str:
    """The phone in E.164; without + it is a number of `country`. Raises InvalidInputError."""
    try:
        return parse_phone(text, country)
    except PhoneError as error:
        hint = "; the + of a number is written %2B in an address" if text.startswith(" ") else ""
        raise InvalidInputError(FieldError("phone", f"{error}{hint}", FieldCode.WRONG_FORMAT)) from None
    except CountryError as error:
        raise InvalidInputError(FieldError("default_country", str(error), FieldCode.WRONG_FORMAT)) from None
