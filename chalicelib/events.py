"""Requests as API Gateway hands them to a function: refuse what is not readable text before anything else parses it.

API Gateway and other proxies put U+FFFD in the place of bytes that are not UTF-8. What stood there is lost, so such a request is
refused: no part of the service may store the replacement character.
"""

import base64
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from chalicelib.domain.words import counted

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_MAX_PORT = 65_535
_UNREADABLE = re.compile("[\ufffd\ud800-\udfff]")
_FORM = "application/x-www-form-urlencoded"
_NAME = re.compile(rb"""(?:^|[;\s])name=("?)([^";\r\n]*)\1""", re.IGNORECASE)
_GIVEN_ONCE = ("authorization", "content-type", "host", "idempotency-key", "if-match", "origin", "x-csrftoken")
"""Headers with one value: of two, everything behind the gateway would see the last alone."""
_MULTIPART = re.compile(r"multipart/form-data\s*;.*?boundary=\"?([^\";,]+)", re.IGNORECASE)
_NAME_SHOWN = 64
_MOST_FIELDS = 500
REPLACEMENT = "\ufffd".encode()


class UnreadableRequestError(ValueError):
    """The request is not readable text; the message says which part of it is not, and why."""


def require_readable(event: Mapping[str, Any]) -> None:
    """Check path, query string and headers. Raises UnreadableRequestError."""
    for place, text in _texts(event):
        if _UNREADABLE.search(text):
            raise UnreadableRequestError(f"{place} is not UTF-8")
    for name, values in (event.get("multiValueHeaders") or {}).items():
        if len(values or ()) > 1 and str(name).lower() in _GIVEN_ONCE:
            raise UnreadableRequestError(f"the header {name} is given {counted(len(values), 'time')}, and may be given once")
    host = _header(event, "host")
    found = _HOST.fullmatch(host)
    if host and (found is None or int(found["port"] or 0) > _MAX_PORT):
        raise UnreadableRequestError("the Host header is not the name of a host")


def body_of(event: Mapping[str, Any]) -> bytes:
    """The bytes of the body. Raises UnreadableRequestError for wrong base64 and for halves of surrogate pairs."""
    body = event.get("body") or ""
    if isinstance(body, bytes):
        return body
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise UnreadableRequestError("the body cannot be read") from None


def require_readable_form(event: Mapping[str, Any], most: int) -> None:
    """Check the text fields of a form, or any other body that is not a file, and its size. Raises UnreadableRequestError."""
    body, content_type = body_of(event), _header(event, "content-type")
    if len(body) > most:
        raise UnreadableRequestError(f"the body has more than {counted(most, 'byte')}")
    _require_few_fields(body, content_type)
    parts = _parts(body, content_type)
    if parts is not None:
        texts = [content for head, content in parts if b"filename" not in head.lower()]
    elif content_type.lower().startswith(_FORM):
        texts = [unquote_to_bytes(body.replace(b"+", b" "))]
    else:
        texts = [] if content_type.lower().startswith("application/octet-stream") else [body]
    if not all(map(is_readable, texts)):
        raise UnreadableRequestError("the form is not UTF-8")


def _require_few_fields(body: bytes, content_type: str) -> None:
    """Counted before anything is taken apart: each field costs more than its bytes."""
    if content_type.lower().startswith(_FORM):
        number = body.count(b"&") + 1
    elif content_type.lower().startswith("multipart/form-data"):
        multipart = _MULTIPART.match(content_type)
        if multipart is None:
            raise UnreadableRequestError("the form has no boundary")
        number = body.count(b"--" + multipart[1].strip().encode("utf-8", "replace"))
    else:
        return
    if number > _MOST_FIELDS:
        raise UnreadableRequestError(f"the form has more than {counted(_MOST_FIELDS, 'field')}")


def require_given_once(event: Mapping[str, Any], several: Collection[str]) -> None:
    """Check that no query parameter and no field of a form is given twice, but for `several`. Raises UnreadableRequestError."""
    for name, values in (event.get("multiValueQueryStringParameters") or {}).items():
        if len(values or ()) > 1 and name not in several:
            raise UnreadableRequestError(_twice("query parameter", str(name), len(values)))
    for name, count in Counter(_form_names(body_of(event), _header(event, "content-type"))).items():
        if count > 1 and name not in several:
            raise UnreadableRequestError(_twice("field", name, count))


def _twice(what: str, name: str, count: int) -> str:
    return f"the {what} {name[:_NAME_SHOWN]!a} is given {counted(count, 'time')}, and may be given once"


def _form_names(body: bytes, content_type: str) -> Iterator[str]:
    parts = _parts(body, content_type)
    if parts is not None:
        yield from (found[2].decode(errors="replace") for head, _ in parts if (found := _NAME.search(head)))
    elif content_type.lower().startswith(_FORM):
        for pair in body.split(b"&"):
            if pair:
                yield unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode(errors="replace")


def _parts(body: bytes, content_type: str) -> list[tuple[bytes, bytes]] | None:
    """The parts of a multipart form, each with its head; None for another body."""
    multipart = _MULTIPART.match(content_type)
    if multipart is None:
        return None
    pieces = body.split(b"--" + multipart[1].strip().encode("utf-8", "replace"))
    return [(head, content) for head, _, content in (piece.partition(b"\r\n\r\n") for piece in pieces)]


def is_readable(raw: bytes) -> bool:
    """Is it UTF-8, without a character that stands in the place of broken bytes?"""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return REPLACEMENT not in raw


def _header(event: Mapping[str, Any], wanted: str) -> str:
    return next((str(value) for name, value in (event.get("headers") or {}).items() if str(name).lower() == wanted), "")


def _texts(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "the path", str(event.get("path") or "")
    for name, values in (event.get("multiValueQueryStringParameters") or {}).items():
        yield "the query string", "".join([str(name), *map(str, values)])
    for name, value in (event.get("headers") or {}).items():
        yield "a header", f"{name}{value}"
    for name, values in (event.get("multiValueHeaders") or {}).items():
        yield "a header", "".join([str(name), *map(str, values)])
