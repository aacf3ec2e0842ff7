"""Clients from a file: uploaded in slices of bytes, its columns chosen, previewed and imported step by step."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin import route
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import country_choices, country_name, default_country
from chalicelib.admin.fields import as_typed, whole
from chalicelib.admin.owners import owner_choices
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.domain import columns
from chalicelib.domain.errors import InvalidInputError, ServiceError
from chalicelib.domain.strict_json import JsonError, parse
from chalicelib.domain.table import DELIMITERS, ENCODINGS, MAX_BYTES, MAX_ROWS
from chalicelib.services import uploads
from chalicelib.services.client_import import Options
from chalicelib.services.clients import NewClient
from chalicelib.services.uploads import Progress, Upload
from chalicelib.storage.engine import engine

_MOST = 4 * 2**20
"""Bytes of a step: a slice of a file in base64 fits."""
_BIGGEST_NUMBER = 2**31 - 1
_SAMPLE = """phone,time_zone,operator_code,tags,attributes.name
+79101234567,Europe/Moscow,,vip;spring,Анна
+79211234567,Asia/Yekaterinburg,921,,Борис
+819012345678,Asia/Tokyo,,vip,
"""


class ImportPage(Page):
    """Choose a file, say what its columns are, look at what it would do, do it."""

    menu_label = _("Import clients")
    icon = "fa-solid fa-file-import"
    path = "/import"
    route_name = "import-clients"

    @route("", name="import-clients")
    async def index(self, request: Request) -> Response:
        """The page."""
        context = {
            "owners": owner_choices(request) if principal_of(request).is_superuser else [],
            "part_bytes": uploads.PART_BYTES,
            "max_bytes": MAX_BYTES,
            "max_rows": MAX_ROWS,
            "countries": country_choices(),
            "country": default_country(request),
            "encodings": ENCODINGS,
            "delimiters": DELIMITERS,
        }
        return self.render(request, "admin/import.html", context)

    @route("/sample.csv", name="import-sample")
    async def sample(self, request: Request) -> Response:
        """A file to begin with."""
        del request
        return _csv(_SAMPLE, "clients-sample.csv")

    @route("/begin", methods=["POST"], name="import-begin")
    async def begin(self, request: Request) -> Response:
        """Announces a file."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            owner = body.get("owner") or None
            size, owner_id = _number(body, "size"), whole(owner)
            if owner is not None and owner_id is None:
                raise ValueError(owner)
            return {"id": uploads.begin(engine(), principal_of(request), size, owner_id=owner_id)}

        return await _answered(request, done)

    @route("/part", methods=["POST"], name="import-part")
    async def part(self, request: Request) -> Response:
        """Takes a slice of bytes, in base64."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            raw = b64decode(str(body["data"]), validate=True)
            uploads.put_part(engine(), principal_of(request), _id(body), _number(body, "position"), raw)
            return {}

        return await _answered(request, done)

    @route("/read", methods=["POST"], name="import-read")
    async def read(self, request: Request) -> Response:
        """Parses the file that has arrived, or shows one that was parsed."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            if body.get("again"):
                return _columns(uploads.get(engine(), principal_of(request), _id(body)))
            encoding, delimiter = (str(body[name]) if body.get(name) else None for name in ("encoding", "delimiter"))
            read = uploads.read(engine(), principal_of(request), _id(body), encoding=encoding, delimiter=delimiter)
            return _columns(read)

        return await _answered(request, done)

    @route("/choose", methods=["POST"], name="import-choose")
    async def choose(self, request: Request) -> Response:
        """Says what the columns are and how rows are taken."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            targets = tuple(str(target) for target in body["targets"])
            options = Options(targets, body.get("duplicates") == "update", str(body.get("country") or "") or None)
            uploads.choose(engine(), principal_of(request), _id(body), options)
            return {}

        return await _answered(request, done)

    @route("/take", methods=["POST"], name="import-take")
    async def take(self, request: Request) -> Response:
        """Previews or imports one chunk."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            position, apply = _number(body, "position"), body["apply"] is True
            uploads.take(engine(), principal_of(request), _id(body), position, apply=apply)
            return {}

        return await _answered(request, done)

    @route("/report", methods=["POST"], name="import-report")
    async def report(self, request: Request) -> Response:
        """What the preview, or the import, said so far."""

        def done(body: dict[str, Any]) -> dict[str, Any]:
            code = body.get("code") or None
            if not isinstance(code, str | None):
                raise ValueError(code)
            return _shown(uploads.progress(engine(), principal_of(request), _id(body), applied=body["apply"] is True, code=code))

        return await _answered(request, done)

    @route("/errors.csv", name="import-errors")
    async def errors(self, request: Request) -> Response:
        """The bad rows with their reasons, as a file."""
        upload_id = whole(request.query_params.get("id"))
        try:
            found = uploads.errors_csv(engine(), principal_of(request), upload_id or 0, said)
        except ServiceError as error:
            return JSONResponse({"message": said(str(error))}, 404)
        return _csv(found, "clients-errors.csv")


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)


async def _answered(request: Request, done: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """What a step gives, or why it cannot be done."""
    try:
        return JSONResponse(done(parse(await request.body(), _MOST)))
    except JsonError as error:  # for those who write programs
        return JSONResponse({"message": f"{gettext('This is not a step of an import.')} JSON {error}"}, 422)
    except InvalidInputError as error:
        return JSONResponse({"message": " ".join(said(each.message) for each in error.errors)}, 422)
    except ServiceError as error:
        return JSONResponse({"message": said(str(error))}, 422)
    except (ValueError, TypeError, AttributeError, KeyError):  # nothing that our page sends
        return JSONResponse({"message": gettext("This is not a step of an import.")}, 422)


def _number(body: dict[str, Any], name: str) -> int:
    """A whole number that an integer column holds. Python reads 1e999 as a float that no int() accepts, and true as 1."""
    value = body[name]
    if type(value) is not int or abs(value) > _BIGGEST_NUMBER:
        raise ValueError(name)
    return value


def _id(body: dict[str, Any]) -> int:
    number = whole(body["id"])
    if number is None:
        raise ValueError(body["id"])
    return number


def _columns(upload: Upload) -> dict[str, Any]:
    """The file's columns, each with the choices that it has."""
    chosen = upload.options["targets"] if upload.options else upload.suggested
    found = [
        {"name": name, "samples": samples, "target": target, "attribute": columns.attribute_of(name), "known": bool(target)}
        for name, samples, target in zip(upload.header, upload.samples, chosen, strict=True)
    ]
    return {"columns": found, "rows": upload.rows, "chunks": upload.chunks, "sheet": upload.sheet, "options": upload.options}


def _shown(found: Progress) -> dict[str, Any]:
    report = found.report
    return {
        "rows": found.rows,
        "done": found.done,
        "chunks": found.chunks,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "bad": report.bad,
        "blank": report.blank,
        "accounted": report.rows == found.rows,
        "errors": [[each.row, _named(each.column), each.cell, said(each.message), each.code] for each in report.errors],
        "codes": [list(each) for each in report.codes.most_common()],
        "countries": [
            [country_name(code) if code else gettext("Unassigned range"), n] for code, n in report.countries.most_common()
        ],
        "contradicting": found.contradictions,
        "contradictions": [[row, country_name(country), zone] for row, country, zone in report.contradictions],
        "sample": [_cells(new) for new in report.sample],
    }


def _named(column: str) -> str:
    return gettext(column) if column else ""


def _cells(new: NewClient) -> list[str]:
    return [new.phone, new.time_zone, as_typed(new.tags), "; ".join(f"{name} = {each}" for name, each in new.attributes.items())]
