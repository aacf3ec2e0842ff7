"""The API's description, for programs and for people."""

import importlib.util
import json
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.api.handlers.logins import HTML_HEADERS
from chalicelib.api.openapi import document as openapi_document
from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, operation
from chalicelib.domain.errors import NotFoundError

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
    """The same to look at and to try out; loads nothing from elsewhere."""
    html = _PAGE.format(prefix=_prefix(call))
    return Reply(HTTPStatus.OK, html, {**HTML_HEADERS, "Content-Security-Policy": _POLICY})


@operation("Parts of Swagger UI", tag=_TAG, media="text/plain", hidden=True)
def asset(call: Call[NoBody, NoQuery]) -> Reply:
    """Its style sheet and its scripts."""
    name = call.path_values["file"]
    if name == "start.js":
        start = _START.replace("PREFIX", json.dumps(_prefix(call)))
        return Reply(HTTPStatus.OK, start, {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "max-age=300"})
    if name not in _ASSETS:
        raise NotFoundError("part of the documentation")
    headers = {"Content-Type": f"{_ASSETS[name]}; charset=utf-8", "Cache-Control": "public, max-age=86400"}
    return Reply(HTTPStatus.OK, _asset(name), headers)


def _prefix(call: Call[NoBody, NoQuery]) -> str:
    """The path that stands before ours: a stage, a base path, or nothing. No host: the page works under each of its names."""
    return urlsplit(call.base_url).path.rstrip("/")


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


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mailing-api</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{prefix}/docs/swagger-ui.css">
<div id="docs"></div>
<script src="{prefix}/docs/swagger-ui-bundle.js"></script>
<script src="{prefix}/docs/start.js"></script>
</html>
"""
_START = """const prefix = PREFIX;
fetch(prefix + "/openapi.json").then(answer => answer.json()).then(spec => {
  spec.servers = [{url: location.origin + prefix}];
  window.ui = SwaggerUIBundle({
    spec, dom_id: "#docs", deepLinking: true, persistAuthorization: true, docExpansion: "none", validatorUrl: null,
    requestInterceptor: request => {
      const value = request.headers.Authorization;
      if (value && !/^token /i.test(value)) request.headers.Authorization = "Token " + value;
      return request;
    },
  });
});
"""
