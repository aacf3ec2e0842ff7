"""The API's description, for programs and for people."""

import importlib.util
import json
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from chalicelib.api import html
from chalicelib.api.errors import ApiError
from chalicelib.api.openapi import document as openapi_document
from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, Schema, operation
from chalicelib.api.visitors import visitor_of
from chalicelib.auth import browser_session
from chalicelib.domain.errors import NotFoundError
from chalicelib.services import tokens

_TAG = "service"
_PACKAGE = "flask_swagger_ui"  # only its assets: Swagger UI, packed for pip
_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@operation("The OpenAPI 3.1 document", tag=_TAG, hidden=True)
def document(call: Call[NoBody, NoQuery]) -> Reply:
    """What `openapi.json` holds, with this service's address."""
    found = openapi_document() | {"servers": [{"url": call.base_url}]}
    return Reply(HTTPStatus.OK, json.dumps(found, ensure_ascii=False, separators=(",", ":")), {"Cache-Control": "max-age=300"})


@operation("Swagger UI", tag=_TAG, media="text/html", hidden=True)
def page(call: Call[NoBody, NoQuery]) -> Reply:
    """The same to look at and to try out, authorised for whoever has logged in; loads nothing from elsewhere."""
    visitor = visitor_of(call)
    answer = html.page(call, visitor, "docs.html", "Documentation")
    return Reply(HTTPStatus.OK, answer.body, {**answer.headers, "Content-Security-Policy": _POLICY})


class DocumentationToken(Schema):
    """A token of a few minutes, for the page's memory only."""

    token: str
    seconds: int


@operation("Create a token for the documentation page", tag=_TAG, secret=True, hidden=True)
def token(call: Call[NoBody, NoQuery]) -> DocumentationToken:
    """For a browser with a session: the gateway in front of the API knows tokens, not cookies.

    It ends with the session or after some minutes, whatever is first, and is kept nowhere in the browser, unlike a token of thirty days
    in a page's storage. The header with the session's form token says that it is our page that asks.
    """
    visitor = visitor_of(call)
    if not browser_session.is_form_token(visitor.secret, call.headers.get("x-csrf-token", "")):
        raise ApiError(HTTPStatus.FORBIDDEN, "only the documentation page of somebody who has logged in is given a token")
    issued = tokens.create_for_documentation(call.engine, visitor.secret)
    if issued is None:
        raise ApiError(HTTPStatus.FORBIDDEN, "the session is over: log in again")
    return DocumentationToken(token=issued.token, seconds=60 * call.settings.documentation_token_minutes)


@operation("Parts of Swagger UI", tag=_TAG, media="text/plain", hidden=True)
def asset(call: Call[NoBody, NoQuery]) -> Reply:
    """Its style sheet and its scripts."""
    name = call.path_values["file"]
    if name == "start.js":
        start = _START.replace("PREFIX", json.dumps(html.prefix(call)))
        return Reply(HTTPStatus.OK, start, {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "max-age=300"})
    if name not in _ASSETS:
        raise NotFoundError("part of the documentation")
    headers = {"Content-Type": f"{_ASSETS[name]}; charset=utf-8", "Cache-Control": "public, max-age=86400"}
    return Reply(HTTPStatus.OK, _asset(name), headers)


@lru_cache
def _asset(name: str) -> str:
    path = _folder() / "dist" / name
    if not path.is_file():
        raise NotFoundError("part of the documentation: it was not packaged")
    return path.read_text(encoding="utf-8")


def _folder() -> Path:
    """Where the assets are: beside our code in the package (vendor/ is laid at its top), in vendor/ in a checkout."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is not None and found.origin is not None:
        return Path(found.origin).parent
    return Path(__file__).resolve().parents[3] / "vendor" / _PACKAGE


_START = """const prefix = PREFIX;
const formToken = document.querySelector("meta[name=form-token]")?.content;
let own = null;

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
theme();
dark.addEventListener("change", theme);

// Somebody who has logged in: a token of a few minutes, asked for again before it ends, and never stored.
async function sessionToken() {
  if (!own || performance.now() > own.until) {
    const answer = await fetch(prefix + "/docs/token", {method: "POST", headers: {"X-CSRF-Token": formToken}});
    if (!answer.ok) return own?.token ?? null;
    const {token, seconds} = await answer.json();
    own = {token, until: performance.now() + (seconds - 60) * 1000};
  }
  return own.token;
}

async function start() {
  const spec = await (await fetch(prefix + "/openapi.json")).json();
  spec.servers = [{url: location.origin + prefix}];
  const first = formToken ? await sessionToken() : null;
  const authorised = first && "Token " + first;
  window.ui = SwaggerUIBundle({
    spec, dom_id: "#docs", deepLinking: true, persistAuthorization: !first, docExpansion: "none", validatorUrl: null,
    onComplete: () => { if (first) window.ui.preauthorizeApiKey("token", authorised); },
    requestInterceptor: async request => {
      const value = request.headers.Authorization;
      if (value && value === authorised) request.headers.Authorization = "Token " + await sessionToken();
      else if (value && !/^token /i.test(value)) request.headers.Authorization = "Token " + value;
      return request;
    },
  });
}

start();
"""
