"""The API's own pages: templates that escape what is put into them, and a policy that lets nothing else in.

They have no script and load nothing: the one style sheet stands in the page, allowed by its hash.
"""

import base64
import hashlib
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.api.operations import Call, Reply
from chalicelib.api.visitors import Visitor
from chalicelib.api.words import RUSSIAN

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Vary": "Accept, Accept-Language, Cookie",
}


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only here: programs ask for no pages

    loader = PackageLoader("chalicelib.api", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=1)
def _style() -> str:
    return (files("chalicelib.api") / "templates" / "style.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


def said(language: str, text: str) -> str:
    """Return the text in the reader's language."""
    return RUSSIAN.get(text, text) if language == "ru" else text


def page(call: Call[Any, Any], visitor: Visitor, template: str, title: str, **values: Any) -> Reply:
    """Render a page for the visitor."""
    policy = f"default-src 'none'; style-src 'sha256-{_style_hash()}'; img-src data:; form-action 'self'; base-uri 'none'"
    text = (
        _environment()
        .get_template(template)
        .render(
            _=lambda text: said(visitor.language, text),
            language=visitor.language,
            prefix=prefix(call),
            style=_style(),
            title=said(visitor.language, title),
            visitor=visitor,
            **values,
        )
    )
    headers = {**POLICY_HEADERS, "Content-Language": visitor.language}
    return Reply(HTTPStatus.OK, text, {**headers, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"})


def prefix(call: Call[Any, Any]) -> str:
    """Return the path that stands before ours: a stage, a base path, or nothing. No host: a page works under each of its names."""
    return urlsplit(call.base_url).path.rstrip("/")
