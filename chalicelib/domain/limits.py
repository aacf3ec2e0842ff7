"""How long and how many: what is refused when it is written, wherever that is."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from chalicelib.domain.characters import is_blank
from chalicelib.domain.errors import FieldCode, FieldError
from chalicelib.domain.personal_text import ATTRIBUTE_NAME_LENGTH, NAME_RULE, TEXT_LENGTH, attribute_name, is_attribute_name
from chalicelib.domain.words import counted

TAG_LENGTH: Final = 50
TAGS: Final = 50
CODE_LENGTH: Final = 10
ATTRIBUTES: Final = 50
ATTRIBUTE_VALUE_LENGTH: Final = 500
SAFE_INTEGER: Final = 2**53 - 1  # whole numbers that every JSON reader keeps
FILTER_WORDS: Final = 500
MAILING_NAME_LENGTH: Final = 200
MAILING_TEXT_LENGTH: Final = TEXT_LENGTH
RATE: Final = 100_000
REASON_LENGTH: Final = 200
REFERENCE_LENGTH: Final = 100
"""Of a provider's own id of a message."""
PROVIDER_NAME_LENGTH: Final = 64
PROVIDER_URL_LENGTH: Final = 200
PROVIDER_SENDER_LENGTH: Final = 100
PROVIDER_OPTIONS_LENGTH: Final = 10_000
PROVIDER_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{PROVIDER_NAME_LENGTH - 1}}}")
PROVIDER_NAME_RULE: Final = (
    f"a name of a provider has 1 to {PROVIDER_NAME_LENGTH} letters, digits, '_', '.' or '-', and begins with a letter or a digit"
)
PROVIDERS: Final = 10
"""Providers that one mailing may name."""
SEGMENTS: Final = 2**15 - 1
"""SMS that a provider counts for one message: as many as the column holds."""
TOKEN_NAME_LENGTH: Final = 100
TOKEN_DAYS: Final = 3_650
USERNAME_LENGTH: Final = 150
AT_ONCE: Final = 1_000
"""Clients or phones in one call."""
BIGGEST_ID: Final = 2**63 - 1

_UNFIT = re.compile("[\0\ufffd\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CODE = re.compile(f"[0-9]{{1,{CODE_LENGTH}}}", re.ASCII)


def unfit(text: str) -> str:
    """Why a text cannot be stored, or nothing: PostgreSQL has no NUL, UTF-8 no halves of surrogate pairs, and U+FFFD is a lost letter."""
    found = _UNFIT.search(text)
    if found is None:
        return ""
    if found[0] == "\0":
        return "a NUL character is not allowed"
    if found[0] == "\ufffd":
        return "the character \ufffd stands in the place of bytes that were not UTF-8: send the text in UTF-8"
    return "half of a surrogate pair is not a character"


def repaired(text: str) -> str:
    """The text with U+FFFD in the place of what cannot be stored: for foreign words that are only shown."""
    return _UNFIT.sub("\ufffd", text)


def unstorable(text: str) -> str:
    """The same, less U+FFFD: a text with one may have been stored by an earlier version."""
    return unfit(text.replace("\ufffd", ""))


def is_id(number: object) -> bool:
    """Can it be the id of anything?"""
    return type(number) is int and 0 < number <= BIGGEST_ID


def text_problems(field: str, text: Any, most: int, least: int = 0) -> list[FieldError]:
    """What is wrong with a text of `least` to `most` characters, which must be visible where one is asked for."""
    if not isinstance(text, str):
        return [FieldError(field, "must be a text", FieldCode.WRONG_TYPE)]
    if not least <= len(text) <= most:
        return [FieldError(field, f"has {least} to {counted(most, 'character')}", FieldCode.WRONG_LENGTH)]
    if why := unfit(text):
        return [FieldError(field, why, FieldCode.WRONG_CHARACTERS)]
    if least and is_blank(text):
        return [FieldError(field, "has nothing in it that can be seen", FieldCode.BLANK)]
    return []


def name_problems(field: str, text: Any, most: int) -> list[FieldError]:
    """The same for a name, which stands on one line."""
    found = text_problems(field, text, most, 1)
    if not found and CONTROL.search(text):
        return [FieldError(field, "has no line breaks and no control characters", FieldCode.WRONG_CHARACTERS)]
    return found


def client_problems(
    operator_code: Any, tags: Any, attributes: Any, *, stored: Mapping[str, Any] | None = None
) -> list[FieldError]:
    """What is too long, too much or malformed in what is said of a client.

    Values that the client has already (`stored`, by field) are not checked: they may be older than a rule.
    """
    before = stored or {}
    found = [] if operator_code is None else _code_problems("operator_code", [operator_code], [before.get("operator_code")])
    found += _tag_problems("tags", tags, TAGS, before.get("tags", ()))
    if not isinstance(attributes, Mapping):
        return [*found, FieldError("attributes", "must be names with values", FieldCode.WRONG_TYPE)]
    known = before.get("attributes", {})
    new = {name: value for name, value in attributes.items() if not (name in known and _is_same(value, known[name]))}
    if new and len(attributes) > ATTRIBUTES:
        found.append(FieldError("attributes", f"at most {ATTRIBUTES} attributes", FieldCode.WRONG_LENGTH))
    if new:
        found += _attributes_given_twice(attributes)
    return [*found, *(error for name, value in new.items() for error in _attribute_problems(name, value))]


def _attributes_given_twice(attributes: Mapping[Any, Any]) -> Iterator[FieldError]:
    places: dict[str, int] = {}
    for place, name in enumerate((attribute_name(name) for name in attributes if isinstance(name, str)), 1):
        first = places.setdefault(name, place)
        if first != place:
            shown = name[:ATTRIBUTE_NAME_LENGTH]
            why = (
                f"the name {shown} is given twice, as {first} and {place}, in letters that are composed differently: give it once"
            )
            yield FieldError("attributes", why, FieldCode.GIVEN_TWICE)


def _is_same(value: Any, stored: Any) -> bool:
    return type(value) is type(stored) and value == stored


def _attribute_problems(name: Any, value: Any) -> list[FieldError]:
    if not isinstance(name, str) or not is_attribute_name(attribute_name(name)):
        return [FieldError("attributes", f"a name of an attribute is made of {NAME_RULE}", FieldCode.WRONG_CHARACTERS)]
    if type(value) is int:
        if abs(value) <= SAFE_INTEGER:
            return []
        return [FieldError("attributes", f"a number is at most {SAFE_INTEGER} either way", FieldCode.OUT_OF_RANGE)]
    if not isinstance(value, str):
        return [FieldError("attributes", "a value of an attribute is a text or a whole number", FieldCode.WRONG_TYPE)]
    if len(value) > ATTRIBUTE_VALUE_LENGTH:
        why = f"a value of an attribute has at most {ATTRIBUTE_VALUE_LENGTH} characters"
        return [FieldError("attributes", why, FieldCode.WRONG_LENGTH)]
    return text_problems("attributes", value, ATTRIBUTE_VALUE_LENGTH)


def mailing_problems(
    name: Any, text: Any, operator_codes: Any, tags: Any, rate_limit: Any, *, stored: Mapping[str, Any] | None = None
) -> list[FieldError]:
    """What is missing, too long, too much or malformed in what is said of a mailing.

    Words that its filters have already (`stored`, by field) are not checked: they may be older than a rule.
    """
    before = stored or {}
    found = [
        *name_problems("name", name, MAILING_NAME_LENGTH),
        *text_problems("text", text, MAILING_TEXT_LENGTH, 1),
        *_code_problems("filter_operator_codes", operator_codes, before.get("filter_operator_codes", ())),
        *_tag_problems("filter_tags", tags, FILTER_WORDS, before.get("filter_tags", ())),
    ]
    if rate_limit is not None and (type(rate_limit) is not int or not 0 < rate_limit <= RATE):
        found.append(FieldError("rate_limit", f"a whole number from 1 to {RATE}", FieldCode.OUT_OF_RANGE))
    return found


def providers_problems(names: Any) -> list[FieldError]:
    """What is wrong with the providers that a mailing names, apart from whether there are such."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return [FieldError("providers", "a list of names of providers", FieldCode.WRONG_TYPE)]
    if len(names) > PROVIDERS:
        return [FieldError("providers", f"at most {PROVIDERS} providers", FieldCode.WRONG_LENGTH)]
    if len(set(names)) != len(names):
        return [FieldError("providers", "each provider once", FieldCode.GIVEN_TWICE)]
    if not all(PROVIDER_NAME.fullmatch(name) for name in names):
        return [FieldError("providers", PROVIDER_NAME_RULE, FieldCode.WRONG_FORMAT)]
    return []


def token_problems(name: Any, lifetime: Any) -> list[FieldError]:
    """What is wrong with a token that is to be made; without a lifetime it has the usual one."""
    found = name_problems("name", name, TOKEN_NAME_LENGTH)
    if lifetime is not None and (
        not isinstance(lifetime, timedelta) or not timedelta(0) < lifetime <= timedelta(days=TOKEN_DAYS)
    ):
        found.append(FieldError("days", f"a whole number from 1 to {TOKEN_DAYS}", FieldCode.OUT_OF_RANGE))
    return found


def flag_problems(**flags: Any) -> list[FieldError]:
    """What is neither true nor false."""
    return [
        FieldError(name, "true or false", FieldCode.WRONG_TYPE) for name, value in flags.items() if not isinstance(value, bool)
    ]


def username_problems(name: Any) -> list[FieldError]:
    """What is wrong with a user's name in its stored form (`characters.canonical`)."""
    if not text_problems("username", name, USERNAME_LENGTH, 1) and name.isprintable():
        return []
    why = f"a user's name has 1 to {USERNAME_LENGTH} printable characters"
    return [FieldError("username", why, FieldCode.WRONG_CHARACTERS)]


def is_code(word: Any) -> bool:
    """Can it be an operator code?"""
    return not _code_problems("", [word])


def is_tag(word: Any) -> bool:
    """Can it be a tag, as it is?"""
    return not _tag_problems("", [word], 1)


def _is_list(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)


def _new(values: Iterable[Any], stored: Collection[Any]) -> list[Any]:
    """Those that are not stored."""
    known = [each for each in stored if isinstance(each, str)]
    return [each for each in values if not (isinstance(each, str) and each in known)]


def _code_problems(field: str, codes: Any, stored: Collection[Any] = ()) -> list[FieldError]:
    if not _is_list(codes):
        return [FieldError(field, "must be a list", FieldCode.WRONG_TYPE)]
    new = _new(codes, stored)
    if new and len(codes) > FILTER_WORDS:
        return [FieldError(field, f"at most {FILTER_WORDS} operator codes", FieldCode.WRONG_LENGTH)]
    wrong = [code for code in new if not (isinstance(code, str) and _CODE.fullmatch(code))]
    if wrong:
        long = all(isinstance(code, str) and not 0 < len(code) <= CODE_LENGTH for code in wrong)
        why = FieldCode.WRONG_LENGTH if long else FieldCode.WRONG_FORMAT
        return [FieldError(field, f"an operator code is made of 1 to {CODE_LENGTH} digits", why)]
    return []


def _tag_problems(field: str, tags: Any, most: int, stored: Collection[Any] = ()) -> list[FieldError]:
    if not _is_list(tags):
        return [FieldError(field, "must be a list", FieldCode.WRONG_TYPE)]
    new = _new(tags, stored)
    if new and len(tags) > most:
        return [FieldError(field, f"at most {counted(most, 'tag')}", FieldCode.WRONG_LENGTH)]
    if not all(isinstance(tag, str) and 0 < len(tag) <= TAG_LENGTH and not is_blank(tag) for tag in new):
        return [FieldError(field, f"a tag has 1 to {TAG_LENGTH} characters", FieldCode.WRONG_LENGTH)]
    found = (error for tag in new for error in name_problems(field, tag, TAG_LENGTH))
    return list(dict.fromkeys(found))
