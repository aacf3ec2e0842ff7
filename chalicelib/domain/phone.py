"""Phone numbers: parse and normalise numbers as typed, pasted or exported from a spreadsheet.

`parse_phone` returns E.164 as `phonenumbers` formats the number that it parsed, never the text itself: `+44 (0)7700 900123` and
`+447700900123` are the same client. Text that cannot be read in exactly one way is refused by name. Nothing is guessed: a number
without its `+` is a number of the country that the caller names, or is refused.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneMetadata, PhoneNumber, PhoneNumberFormat, ValidationResult

from chalicelib.domain.words import counted

MAX_TYPED: Final = 64
"""Characters that a typed phone may have, with everything that people write into it."""
_CODE_LENGTH = 3
_LEAST_DIGITS, _MOST_DIGITS = 4, 15

# Beside the categories Pd (dashes), Ps and Pe (brackets) and Zs (spaces): what people write between digits.
_BETWEEN: Final = frozenset("\t.\uff0e\u2024\u00b7\u2212\u2043\u30fc\u207b")
_PLUS: Final = frozenset("+\uff0b\ufe62\u2795\u207a")
_MINUS = re.compile(r"[-\u2010-\u2015\u2212\uff0d]")
_SEVERAL = re.compile(r"[,;/|\\&\r\n\v\f\x85\u2028\u2029]")
_EXTENSION = re.compile(r"(?i)(?:ext(?:ension|n)?|доб(?:авочный)?|вн(?:утр)?|[x#])[.:=\s]*[0-9]{1,7}$")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?\s*[eе][+-]?[0-9]+", re.IGNORECASE)  # the second e is Cyrillic
_DECIMAL = re.compile(r"[+-]?[0-9]{6,}[.,](?:0+|[0-9]{1,2})")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,'\u2019][0-9]{3})+(?:\.[0-9]+)?")
_AS_TEXT = "format the column as text, enter the number again and export the file once more"
_POSSIBLE: Final = {
    ValidationResult.TOO_SHORT: ("phone_too_short", "this number has too few digits for its country"),
    ValidationResult.TOO_LONG: ("phone_too_long", "this number has too many digits for its country"),
    ValidationResult.INVALID_LENGTH: ("phone_length", "a number of its country cannot have this many digits"),
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: ("phone_without_area_code", "this number lacks its area code"),
}


class PhoneError(ValueError):
    """Not a phone number that can be read in one way. The message says what is wrong; `code` is the same for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CountryError(ValueError):
    """Not a country whose national numbers can be read."""


def parse_phone(text: str, country: str | None = None) -> str:
    """Return `text` as E.164; raise PhoneError for everything else.

    With `+` the number must be possible by its country's numbering plan; plans change faster than any library's tables, so an
    unassigned range is accepted. Without `+` it is read as dialled in `country` (ISO 3166, `RU`) and must be valid there.
    """
    digits = _plain(text)
    if digits.startswith("+"):
        return _international(digits)
    if country is None:
        raise PhoneError("phone_country_unknown", _without_country(digits))
    return _national(digits, parse_country(country))


def check_typed(text: str) -> str:
    """Do the part of `parse_phone` that needs no country; return the number if that is all, else the text as it is."""
    digits = _plain(text)
    return _international(digits) if digits.startswith("+") else text


def parse_country(text: str) -> str:
    """Return the ISO 3166 code of a country with a numbering plan, in upper case. Raises CountryError."""
    code = text.strip().upper() if isinstance(text, str) else ""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise CountryError("the default country must be an ISO 3166 code of two letters, like RU")
    return code


def countries() -> list[str]:
    """The countries whose national numbers can be read, as ISO 3166 codes."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def country_of(phone: str) -> str | None:
    """The ISO 3166 code of the country that an E.164 number belongs to; None if no known numbering plan has the number."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:  # stored before phones were checked
        return None


def operator_code(phone: str) -> str:
    """The first three digits after the country calling code: `910` of `+79101234567`."""
    number = phonenumbers.parse(phone)
    return phonenumbers.national_significant_number(number)[:_CODE_LENGTH]


def corrected(stored: str) -> str | None:
    """The E.164 form of a phone that was stored before it was normalised; None if it cannot be read at all."""
    try:
        return _international(stored) if stored.startswith("+") else None
    except PhoneError:
        return None


def misspellings(phone: str) -> list[str]:
    """The texts with a trunk prefix that mean this E.164 number: rows of earlier versions may hold one."""
    number = phonenumbers.parse(phone)
    national = phonenumbers.national_significant_number(number)
    prefixes = _trunk_prefixes(number.country_code or 0)
    return [f"+{number.country_code}{prefix}{national}" for prefix in sorted(prefixes)]


def phone_digits(term: str) -> str:
    """The ASCII digits of a search term, `+` kept at its beginning; what is no digit is passed over."""
    found = "".join(str(unicodedata.decimal(each)) for each in term if unicodedata.decimal(each, None) is not None)
    return f"+{found}" if term.strip()[:1] in _PLUS else found


def _international(digits: str) -> str:
    """Canonical E.164 of `+` and ASCII digits."""
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise PhoneError("phone_calling_code", "no country calling code begins like this number") from None
        raise PhoneError("phone_too_short", "this number has too few digits for its country") from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        raise PhoneError(*_POSSIBLE.get(possible, _POSSIBLE[ValidationResult.INVALID_LENGTH]))
    canonical = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number):
        _refuse_trunk_prefix(number, canonical)
    return canonical


def _refuse_trunk_prefix(number: PhoneNumber, canonical: str) -> None:
    """Two texts with one meaning must not become two phones: a trunk prefix stays only where a valid number begins like it."""
    national = phonenumbers.national_significant_number(number)
    twice = phonenumbers.format_number(phonenumbers.parse(canonical), PhoneNumberFormat.E164)
    prefix = next((each for each in _trunk_prefixes(number.country_code or 0) if national.startswith(each)), None)
    if prefix is not None or twice != canonical:
        code = number.country_code
        raise PhoneError("phone_trunk_prefix", f"after +{code} a number is written without the prefix {prefix or national[0]}")


@lru_cache(maxsize=256)
def _trunk_prefixes(calling_code: int) -> frozenset[str]:
    plans = (PhoneMetadata.metadata_for_region(region) for region in phonenumbers.region_codes_for_country_code(calling_code))
    return frozenset(plan.national_prefix for plan in plans if plan is not None and plan.national_prefix)


def _national(digits: str, country: str) -> str:
    """Canonical E.164 of digits as they are dialled in a country: the only valid reading, or a refusal."""
    valid = {phonenumbers.format_number(each, PhoneNumberFormat.E164) for each in _readings(digits, country)}
    if len(valid) > 1:
        raise PhoneError("phone_ambiguous", f"can be read in two ways: {' or '.join(sorted(valid))}; write it with +")
    if not valid:
        raise PhoneError(
            "phone_not_of_country",
            f"is not a valid number of {country}; numbers of other countries are written with + and their code",
        )
    return valid.pop()


def _readings(digits: str, country: str) -> Iterator[PhoneNumber]:
    code = phonenumbers.country_code_for_region(country)
    for text, region in ((digits, country), (f"+{code}{digits}", None), (f"+{digits}", None)):
        try:
            number = phonenumbers.parse(text, region, keep_raw_input=True)
        except phonenumbers.NumberParseException:
            continue
        dialled_abroad = number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD
        if phonenumbers.is_valid_number_for_region(number, country) or (dialled_abroad and phonenumbers.is_valid_number(number)):
            yield number


def _without_country(digits: str) -> str:
    if digits.startswith("00"):
        return "begins with 00, which is not dialled everywhere: write + in its place"
    return "a number without its + can belong to any country: write it with + and the country calling code, or choose a default country"


def _plain(text: str) -> str:
    """`+` and ASCII digits, or digits alone, of what was typed."""
    if not isinstance(text, str):
        raise PhoneError("phone_wrong_type", "must be a text")
    if len(text) > MAX_TYPED:
        raise PhoneError("phone_too_long", f"a phone number is written in at most {MAX_TYPED} characters")
    typed = "".join(_folded(each) for each in text if unicodedata.category(each) != "Cf").strip()
    if typed[:4].lower() == "tel:":
        typed = typed[4:].strip()
    _refuse_what_spreadsheets_do(typed)
    _refuse_more_than_a_number(typed)
    if _MINUS.match(typed):
        raise PhoneError("phone_character", "begins with a minus sign")
    kept = "".join(each for each in typed if not _is_between(each))
    odd = next((each for each in kept if each not in "+0123456789"), None)
    if odd is not None:
        raise _odd_character(odd)
    if "+" in kept[1:]:
        raise PhoneError("phone_character", "the + stands before all digits and nowhere else")
    count = len(kept.lstrip("+"))
    if count < _LEAST_DIGITS:
        raise PhoneError("phone_too_short", f"has {counted(count, 'digit')}: a phone number has more")
    if count > _MOST_DIGITS + _CODE_LENGTH:
        raise PhoneError(
            "phone_too_long", f"has {counted(count, 'digit')}, a phone number has at most {_MOST_DIGITS}: are these two numbers?"
        )
    return kept


def _folded(character: str) -> str:
    """Digits of any script and any width as ASCII, and so each plus sign."""
    if character in _PLUS:
        return "+"
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _is_between(character: str) -> bool:
    return character in _BETWEEN or unicodedata.category(character) in ("Zs", "Pd", "Ps", "Pe")


def _refuse_what_spreadsheets_do(typed: str) -> None:
    if not typed:
        raise PhoneError("phone_missing", "a phone number is needed")
    if typed[0] == "=":
        raise PhoneError("phone_formula", "is a formula of a spreadsheet: export its value, in a column formatted as text")
    if typed[0] in "'\u2019\u2018`":
        raise PhoneError("phone_apostrophe", f"the apostrophe of a spreadsheet came along: {_AS_TEXT}")
    if typed[0] == "#":
        raise PhoneError("phone_error_value", f"is an error value of a spreadsheet, or a column that was too narrow: {_AS_TEXT}")
    if _SCIENTIFIC.fullmatch(typed):
        raise PhoneError("phone_scientific", f"a spreadsheet rounded this number, its last digits are lost: {_AS_TEXT}")
    if _DECIMAL.fullmatch(typed):
        raise PhoneError("phone_decimal", f"a spreadsheet took this number for an amount and gave it decimals: {_AS_TEXT}")
    if _GROUPED.fullmatch(typed):
        raise PhoneError("phone_grouped", f"a spreadsheet took this number for an amount and separated its thousands: {_AS_TEXT}")


def _refuse_more_than_a_number(typed: str) -> None:
    if _EXTENSION.search(typed):
        raise PhoneError("phone_extension", "has an extension, which no message can be sent to: leave it out")
    several = _SEVERAL.search(typed)
    if typed.count("+") > 1 or (several and all(sum(map(str.isdigit, part)) > _LEAST_DIGITS for part in _SEVERAL.split(typed))):
        raise PhoneError("phone_several", "there are several numbers here: one number a cell, one client a row")
    if several:
        raise _odd_character(several[0])


def _odd_character(character: str) -> PhoneError:
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    if character.isalpha():
        return PhoneError("phone_letters", f'has letters ("{character}", {name}): write digits in their place')
    shown = f'"{character}", {name}' if character.isprintable() else name
    return PhoneError("phone_character", f"has a character that no phone number has ({shown})")
