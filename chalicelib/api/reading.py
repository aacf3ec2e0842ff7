"""From what came over the wire to schemas: every refusal names the field."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib.api.errors import ApiError, invalid
from chalicelib.api.old_names import hint, unknown
from chalicelib.api.operations import TYPES_ALONE
from chalicelib.domain.errors import FieldCode, FieldError
from chalicelib.domain.limits import unfit, unstorable
from chalicelib.domain.strict_json import JsonError, parse
from chalicelib.domain.words import counted
from chalicelib.events import is_readable

MAX_BODY = 4 * 2**20  # Lambda takes events of 6 MB, and a body may arrive in base64
MAX_PUBLIC_BODY = 2**14
"""Of routes that need no token. The longest name and password, each letter written as two `\\u` escapes, fit."""
MAX_FIELDS = 100
MAX_ITEMS = 1_000
MAX_ALL_FIELDS = 64_000
"""A thousand clients with fifty attributes each fit."""
_NAME_SHOWN = 64
MAX_ERRORS = 100
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
FILES = ("application/octet-stream", "text/csv", "text/plain")


def read_body(raw: bytes, content_type: str, schema: Any, *, form: bool, most: int = MAX_BODY) -> Any:
    """The body as `schema`, from JSON or (with `form`) from an HTML form. Raises ApiError."""
    if len(raw) > most:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {counted(most, 'byte')}")
    kind = content_type.partition(";")[0].strip().lower()
    if form and kind == _FORM:
        return validated(schema, _decoded_form(raw))
    if kind not in ("", _JSON):
        wanted = f"{_JSON} or {_FORM}" if form else _JSON
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {wanted}")
    found = _decoded_json(raw)
    problems = list(islice(_problems(found, []), MAX_ERRORS))
    if problems:
        raise invalid(*problems)
    return validated(schema, found)


def read_file(raw: bytes, content_type: str) -> bytes:
    """The body as a file of text. Raises ApiError."""
    if len(raw) > MAX_BODY:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {counted(MAX_BODY, 'byte')}")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", *FILES):
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {' or '.join(FILES)}")
    return raw


def read_query(values: Mapping[str, str | list[str]], schema: type[BaseModel]) -> Any:
    """The query parameters as `schema`. Raises ApiError."""
    pairs = [(name, each) for name, value in values.items() for each in ([value] if isinstance(value, str) else value)]
    problems = _unfit_pairs(pairs, "query")
    if problems:
        raise invalid(*problems)
    return validated(schema, dict(values))


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def validated(schema: Any, value: Any) -> Any:
    """`value` as `schema`. Raises ApiError that names each wrong field."""
    adapter = _adapter(schema)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        with suppress(ValidationError):
            return adapter.validate_python(value, context=TYPES_ALONE)
        raise invalid(*_errors_of(error, schema)) from None


def detailed(errors: Sequence[FieldError], schema: Any, body: BaseModel) -> list[FieldError]:
    """A service's errors of a body that was read by its types alone, with what the schema says of the same fields in their place."""
    try:
        _adapter(schema).validate_python(body.model_dump(exclude_unset=True))
    except ValidationError as error:
        by_schema = _errors_of(error, schema)
        found = [[each for each in by_schema if f"{each.field}.".startswith(f"{own.field}.")] or [own] for own in errors]
        return list(dict.fromkeys(each for some in found for each in some))[:MAX_ERRORS]
    return list(errors[:MAX_ERRORS])


def _errors_of(error: ValidationError, schema: Any) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False)
    return [FieldError(_dotted(each["loc"]), _message(each, schema), _code(each["type"])) for each in found[:MAX_ERRORS]]


@cache
def _fields(schema: Any) -> frozenset[str]:
    """The names of all fields that a schema has, of its parts too."""
    described = _adapter(schema).json_schema()
    parts = (described, *described.get("$defs", {}).values())
    return frozenset(name for part in parts for name in part.get("properties", ()))


def _message(each: Any, schema: Any) -> str:
    if each["type"] == "extra_forbidden":
        return unknown(str(each["loc"][-1]), _fields(schema))
    if each["type"] in ("model_type", "dict_type"):
        return "must be a JSON object"  # and no word of the class that reads it
    # The value is looked at and never told: it may be a phone, or as long as a body may be.
    return str(each["msg"]).removeprefix("Value error, ") + hint(str(each["loc"][-1]) if each["loc"] else "", each.get("input"))


# pydantic's names for kinds of errors, by what they end with; the first that fits.
_CODES = {
    "extra_forbidden": FieldCode.UNKNOWN_FIELD,
    "missing": FieldCode.REQUIRED,
    "missing_argument": FieldCode.REQUIRED,
    "_type": FieldCode.WRONG_TYPE,
    "_parsing": FieldCode.WRONG_TYPE,
    "_from_float": FieldCode.WRONG_TYPE,
    "too_long": FieldCode.WRONG_LENGTH,
    "too_short": FieldCode.WRONG_LENGTH,
    "_size": FieldCode.OUT_OF_RANGE,
    "greater_than": FieldCode.OUT_OF_RANGE,
    "greater_than_equal": FieldCode.OUT_OF_RANGE,
    "less_than": FieldCode.OUT_OF_RANGE,
    "less_than_equal": FieldCode.OUT_OF_RANGE,
    "pattern_mismatch": FieldCode.WRONG_FORMAT,
    "literal_error": FieldCode.OUT_OF_RANGE,
    "enum": FieldCode.OUT_OF_RANGE,
    "value_error": FieldCode.WRONG_FORMAT,
}


def _code(kind: str) -> FieldCode:
    return next((code for end, code in _CODES.items() if kind.endswith(end)), FieldCode.INVALID)


def _dotted(where: tuple[int | str, ...]) -> str:
    # `one` and `many` name the branch of a union, `[key]` says that a name is wrong: none of them is in the body.
    return ".".join(str(part) for part in where if part not in ("one", "many", "[key]")) or "body"


def _decoded_form(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=50, errors="strict")
    except ValueError:
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is not a form that can be read") from None
    problems = _unfit_pairs(pairs, "body")
    if problems:
        raise invalid(*problems)
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise _malformed(
                f"the field {name[:_NAME_SHOWN]!a} of the form is given {counted(count, 'time')}, and may be given once"
            )
    return dict(pairs)


def _decoded_json(raw: bytes) -> Any:
    if not is_readable(raw):
        raise _malformed("the body is not UTF-8")
    try:
        # Halves of surrogate pairs are refused with the name of their field, like other characters that no column holds.
        return parse(raw or b"null", MAX_BODY, fields=MAX_FIELDS, all_fields=MAX_ALL_FIELDS, whole=True, halves=True)
    except JsonError as error:
        raise _malformed(f"the body {error}") from None


def _unfit_pairs(pairs: Iterable[tuple[str, str]], place: str) -> list[FieldError]:
    """Texts that no column can hold; a name that is one itself is told by its `place`."""
    return [
        FieldError(place if unfit(name) else name, why, FieldCode.WRONG_CHARACTERS)
        for name, value in pairs
        if (why := unfit(name) or unfit(value))
    ]


def _malformed(why: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, why)


def _problems(value: Any, where: list[int | str]) -> Iterator[FieldError]:
    """Strings that no text column can hold, keys too, and lists that are too long. `where` is put together only as far as it is needed.

    U+FFFD, which may be stored, is left to the services.
    """
    if isinstance(value, str):
        if why := unstorable(value):
            yield FieldError(_dotted(tuple(where)), why, FieldCode.WRONG_CHARACTERS)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if unstorable(key):
                yield FieldError(
                    _dotted(tuple(where)), "a name in it holds characters that are not allowed", FieldCode.WRONG_CHARACTERS
                )
                continue
            where.append(key)
            yield from _problems(inner, where)
            where.pop()
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            yield FieldError(_dotted(tuple(where)), f"a list has at most {MAX_ITEMS} items", FieldCode.WRONG_LENGTH)
            return
        for place, inner in enumerate(value):
            where.append(place)
            yield from _problems(inner, where)
            where.pop()
