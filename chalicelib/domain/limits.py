"""How long and how many: what is refused when it is written, wherever that is."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from chalicelib.domain.errors import FieldError
from chalicelib.domain.personal_text import ATTRIBUTE_NAME

TAG_LENGTH: Final = 50
TAGS: Final = 50
CODE_LENGTH: Final = 10
ATTRIBUTES: Final = 50
ATTRIBUTE_NAME_LENGTH: Final = 64
ATTRIBUTE_VALUE_LENGTH: Final = 500
SAFE_INTEGER: Final = 2**53 - 1  # whole numbers that every JSON reader keeps
FILTER_WORDS: Final = 500
MAILING_NAME_LENGTH: Final = 200
MAILING_TEXT_LENGTH: Final = 10_000
RATE: Final = 100_000
REASON_LENGTH: Final = 200
TOKEN_NAME_LENGTH: Final = 100
USERNAME_LENGTH: Final = 150

_UNFIT = re.compile("[\0\ufffd\ud800-\udfff]")
_CODE = re.compile(f"[0-9]{{1,{CODE_LENGTH}}}", re.ASCII)
_ATTRIBUTE = re.compile(ATTRIBUTE_NAME, re.ASCII)


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


def text_problems(field: str, text: str, most: int, least: int = 0) -> list[FieldError]:
    """What is wrong with a text of `least` to `most` characters."""
    if not least <= len(text) <= most:
        return [FieldError(field, f"has {least} to {most} characters")]
    return _unfit(field, text)


def _unfit(field: str, *texts: str) -> list[FieldError]:
    return [FieldError(field, why) for why in dict.fromkeys(map(unfit, texts)) if why]


def client_problems(operator_code: str | None, tags: Collection[str], attributes: Mapping[str, str | int]) -> list[FieldError]:
    """What is too long, too much or malformed in what is said of a client."""
    found = []
    if operator_code is not None and not _CODE.fullmatch(operator_code):
        found.append(_bad_code("operator_code"))
    if len(tags) > TAGS:
        found.append(FieldError("tags", f"at most {TAGS} tags"))
    if not all(0 < len(tag) <= TAG_LENGTH for tag in tags):
        found.append(_bad_tag("tags"))
    found += _unfit("tags", *tags)
    if len(attributes) > ATTRIBUTES:
        found.append(FieldError("attributes", f"at most {ATTRIBUTES} attributes"))
    found += [error for name, value in attributes.items() for error in _attribute_problems(name, value)]
    return found


def _attribute_problems(name: str, value: str | int) -> list[FieldError]:
    if len(name) > ATTRIBUTE_NAME_LENGTH or not _ATTRIBUTE.fullmatch(name):
        return [FieldError("attributes", "a name of an attribute is made of latin letters, digits and _")]
    if len(str(value)) > ATTRIBUTE_VALUE_LENGTH:
        return [FieldError("attributes", f"a value of an attribute has at most {ATTRIBUTE_VALUE_LENGTH} characters")]
    return _unfit("attributes", str(value))


def mailing_problems(
    name: str, text: str, operator_codes: Collection[str], tags: Collection[str], rate_limit: int | None
) -> list[FieldError]:
    """What is missing, too long, too much or malformed in what is said of a mailing."""
    found = [*text_problems("name", name, MAILING_NAME_LENGTH, 1), *text_problems("text", text, MAILING_TEXT_LENGTH, 1)]
    if not all(_CODE.fullmatch(code) for code in operator_codes):
        found.append(_bad_code("filter_operator_codes"))
    if not all(0 < len(tag) <= TAG_LENGTH for tag in tags):
        found.append(_bad_tag("filter_tags"))
    found += _unfit("filter_tags", *tags)
    if max(len(operator_codes), len(tags)) > FILTER_WORDS:
        found.append(FieldError("filter_tags", f"at most {FILTER_WORDS} operator codes and as many tags"))
    if rate_limit is not None and not 0 < rate_limit <= RATE:
        found.append(FieldError("rate_limit", f"a whole number from 1 to {RATE}"))
    return found


def _bad_code(field: str) -> FieldError:
    return FieldError(field, f"an operator code is made of 1 to {CODE_LENGTH} digits")


def _bad_tag(field: str) -> FieldError:
    return FieldError(field, f"a tag has 1 to {TAG_LENGTH} characters")
