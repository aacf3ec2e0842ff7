"""From what came over the wire to schemas: every refusal names the field."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib.api.errors import ApiError, invalid
from chalicelib.domain.errors import FieldError
from chalicelib.domain.limits import unfit

MAX_BODY = 4 * 2**20  # Lambda takes events of 6 MB, and a body may arrive in base64
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_adapters: dict[Any, TypeAdapter[Any]] = {}


def read_body(raw: bytes, content_type: str, schema: Any, *, form: bool) -> Any:
    """The body as `schema`, from JSON or (with `form`) from an HTML form. Raises ApiError."""
    if len(raw) > MAX_BODY:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY} bytes")
    kind = content_type.partition(";")[0].strip().lower()
    if form and kind == _FORM:
        return validated(schema, _decoded_form(raw))
    if kind not in ("", _JSON):
        wanted = f"{_JSON} or {_FORM}" if form else _JSON
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {wanted}")
    found = _decoded_json(raw)
    unfit = [FieldError(_dotted(where), why) for where, why in _unfit_strings(found)]
    if unfit:
        raise invalid(*unfit[:100])
    return validated(schema, found)


def read_query(values: Mapping[str, str], schema: type[BaseModel]) -> Any:
    """The query parameters as `schema`. Raises ApiError."""
    unfit = [FieldError(name, why) for name, value in values.items() for _, why in _unfit_strings(value)]
    if unfit:
        raise invalid(*unfit)
    return validated(schema, dict(values))


def validated(schema: Any, value: Any) -> Any:
    """`value` as `schema`. Raises ApiError that names each wrong field."""
    adapter = _adapters.setdefault(schema, TypeAdapter(schema))
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    raise invalid(*(FieldError(_dotted(each["loc"]), _message(each)) for each in found[:100])) from None


def _message(each: Any) -> str:
    if each["type"] == "extra_forbidden":
        return "no such field"
    if each["type"] in ("model_type", "dict_type"):
        return "must be a JSON object"  # and no word of the class that reads it
    return str(each["msg"]).removeprefix("Value error, ")


def _dotted(where: tuple[int | str, ...]) -> str:
    # `one` and `many` name the branch of a union, `[key]` says that a name is wrong: none of them is in the body.
    return ".".join(str(part) for part in where if part not in ("one", "many", "[key]")) or "body"


def _decoded_form(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=50, errors="strict")
    except ValueError:
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is not a form that can be read") from None
    unfit = [FieldError(name, why) for name, value in pairs for _, why in _unfit_strings([name, value])]
    if unfit:
        raise invalid(*unfit)
    return dict(pairs)


def _decoded_json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode() or "null", parse_constant=_no_constant, parse_float=_number)
    except (ValueError, RecursionError):
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is not JSON that can be read") from None


def _number(text: str) -> int | float:
    # JSON knows one kind of number, and 7.0 is a whole one. None of our fields takes any other.
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unfit_strings(value: Any) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Places of strings that no text column can hold, keys too."""
    pending: list[tuple[tuple[int | str, ...], Any]] = [((), value)]
    while pending:
        where, each = pending.pop()
        if isinstance(each, str):
            why = unfit(each)
            if why:
                yield where, why
        elif isinstance(each, dict):
            for key, inner in each.items():
                if unfit(key):
                    yield where, "a name in it holds characters that are not allowed"
                else:
                    pending.append(((*where, key), inner))
        elif isinstance(each, list):
            pending.extend(((*where, position), inner) for position, inner in enumerate(each))
