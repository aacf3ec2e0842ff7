"""Clients from a CSV file. The browser cuts the file into slices; each is one request, first for the preview, then in earnest."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin import route
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.fields import as_typed, whole
from chalicelib.admin.owners import owner_choices
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.domain.errors import InvalidInputError
from chalicelib.services import client_import
from chalicelib.services.client_import import Slice
from chalicelib.services.clients import NewClient
from chalicelib.storage.engine import engine

_SAMPLE = """phone,time_zone,operator_code,tags,attributes.name
+79101234567,Europe/Moscow,,vip;spring,Анна
+79211234567,Asia/Yekaterinburg,921,,Борис
+819012345678,Asia/Tokyo,,vip,
"""


class ImportPage(Page):
    """Choose a file, look at what it would do, do it."""

    menu_label = _("Import clients")
    icon = "fa-solid fa-file-import"
    path = "/import"
    route_name = "import-clients"

    @route("", name="import-clients")
    async def index(self, request: Request) -> Response:
        """The page."""
        owners = owner_choices(request) if principal_of(request).is_superuser else []
        return self.render(request, "admin/import.html", {"owners": owners, "slice_rows": client_import.MAX_ROWS // 2})

    @route("/sample.csv", name="import-sample")
    async def sample(self, request: Request) -> Response:
        """A file to begin with."""
        del request
        headers = {"Content-Disposition": 'attachment; filename="clients-sample.csv"'}
        return Response("\ufeff" + _SAMPLE, media_type="text/csv; charset=utf-8", headers=headers)

    @route("/slice", methods=["POST"], name="import-slice")
    async def slice(self, request: Request) -> Response:
        """One slice, rehearsed or in earnest."""
        try:
            body = await request.json()
            part, owner_id = _part(body), _owner(body)
        except (ValueError, TypeError, AttributeError):  # nothing that our page sends
            return JSONResponse({"message": gettext("This is not a slice of a file.")}, 422)
        try:
            report = client_import.run(
                engine(),
                principal_of(request),
                part,
                update=body.get("duplicates") == "update",
                rehearse=body.get("rehearse") is not False,
                owner_id=owner_id,
            )
        except InvalidInputError as error:
            return JSONResponse({"message": " ".join(said(each.message) for each in error.errors)}, 422)
        errors = [
            {"row": each.row, "field": gettext(each.field) if each.field else "", "message": said(each.message)}
            for each in report.errors
        ]
        counts = {"created": report.created, "updated": report.updated, "skipped": report.skipped}
        sample = [_cells(new) for new in report.sample]
        return JSONResponse({**counts, "errors": errors, "sample": sample, "phones": list(report.phones.items())})


def _part(body: dict[str, Any]) -> Slice:
    repeated = {int(row) for row in body.get("repeated", ())}
    return Slice(str(body.get("header", "")), str(body.get("body", "")), int(body.get("first_row", 1)), repeated)


def _owner(body: dict[str, Any]) -> int | None:
    """Whose clients they are to be: the asker's if nobody is named. Raises ValueError for what is no id."""
    named = body.get("owner") or None
    owner_id = whole(named)
    if named is not None and owner_id is None:
        raise ValueError(named)
    return owner_id


def _cells(new: NewClient) -> list[str]:
    return [new.phone, new.time_zone, as_typed(new.tags), "; ".join(f"{name} = {each}" for name, each in new.attributes.items())]
