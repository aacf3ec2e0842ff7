"""Phone numbers in E.164 and the operator code in them."""

import re

import phonenumbers

_E164 = re.compile(
    r"\+[1-9][0-9]{6,14}", re.ASCII
)  # phonenumbers.parse is lenient: letters, full-width digits and extensions pass it
_CODE_LENGTH = 3


class PhoneError(ValueError):
    """Not a phone number in E.164; the message says what is allowed."""


def parse_phone(text: str) -> str:
    """`text` if it is a possible phone number in E.164 (`+79101234567`); raises PhoneError otherwise.

    Possible, not assigned: numbering plans change faster than any library's tables.
    """
    if not _E164.fullmatch(text):
        raise PhoneError("a phone number is written in E.164: + and 7 to 15 digits, like +79101234567")
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        raise PhoneError("no country calling code begins like this number") from None
    if not phonenumbers.is_possible_number(number):
        raise PhoneError("a number of this country cannot have this many digits")
    return text


def operator_code(phone: str) -> str:
    """The first three digits after the country calling code: `910` of `+79101234567`."""
    number = phonenumbers.parse(phone)
    return phonenumbers.national_significant_number(number)[:_CODE_LENGTH]
