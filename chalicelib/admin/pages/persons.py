"""A person behind a phone: all that is known of them as a file, and erasing it."""

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import default_country
from chalicelib.admin.fields import count_of
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.domain.errors import InvalidInputError
from chalicelib.services import persons
from chalicelib.storage.engine import engine


class PersonsPage(Page):
    """One form with a phone, and two buttons."""

    menu_label = _("Personal data")
    icon = "fa-solid fa-user-shield"
    path = "/persons"
    route_name = "persons"

    @route("", methods=["GET", "POST"], name="persons")
    async def index(self, request: Request) -> Response:
        """The form; a POST exports or erases, as its button says."""
        phone, problem = "", ""
        if request.method == "POST":
            form = await request.form()
            phone, action = str(form.get("phone") or "").strip(), str(form.get("action") or "")
            try:
                if action == "export":
                    return _file(request, phone)
                if action == "erase":
                    return _erased(request, phone)
                problem = gettext("Choose what is to be done.")
            except InvalidInputError as error:
                problem = said(error.errors[0].message)
        return self.render(request, "admin/persons.html", {"phone": phone, "problem": problem}, 422 if problem else 200)


def _file(request: Request, phone: str) -> Response:
    found = persons.export(engine(), principal_of(request), phone, country=default_country(request))
    body = json.dumps(asdict(found), default=str, ensure_ascii=False, indent=1)
    # The name of the file holds no phone: browsers keep lists of what they downloaded.
    headers = {"Content-Disposition": 'attachment; filename="person.json"'}
    return Response(body, media_type="application/json", headers=headers)


def _erased(request: Request, phone: str) -> Response:
    counts = persons.erase(engine(), principal_of(request), phone, country=default_country(request))
    parts = (
        count_of(counts.clients, "%(n)s client", "%(n)s clients"),
        count_of(counts.messages, "%(n)s message", "%(n)s messages"),
        count_of(counts.do_not_contact, "%(n)s do-not-contact entry", "%(n)s do-not-contact entries"),
        count_of(counts.history, "%(n)s change", "%(n)s changes"),
    )
    flash(request, gettext("Erased: %(counts)s.") % {"counts": ", ".join(parts)}, "success")
    return RedirectResponse(str(request.url_for("admin:persons")), status_code=303)
