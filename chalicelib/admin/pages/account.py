"""One's own password, and the country of phones typed without +."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of, session_secret
from chalicelib.admin.countries import country_choices, default_country
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.admin.views.users import PASSWORD_RULES
from chalicelib.domain.errors import InvalidInputError
from chalicelib.services import accounts
from chalicelib.storage.engine import engine


class AccountPage(Page):
    """Two forms: the password, and the default country."""

    menu_label = _("My account")
    icon = "fa-solid fa-user-lock"
    path = "/account"
    route_name = "account"

    @route("", methods=["GET", "POST"], name="account")
    async def index(self, request: Request) -> Response:
        """The forms; a new password ends all other sessions."""
        problems: dict[str, str] = {}
        form = await request.form()
        if request.method == "POST" and "default_country" in form:
            problems = _country_changed(request, str(form["default_country"]))
            if not problems:
                flash(request, gettext("The country of your phones is kept."), "success")
                return RedirectResponse(str(request.url_for("admin:account")), status_code=303)
        elif request.method == "POST":
            old, new, again = (str(form.get(name) or "") for name in ("old_password", "password", "again"))
            if new != again:
                problems["again"] = gettext("The two are not the same.")
            else:
                problems = _changed(request, old, new)
            if not problems:
                flash(request, gettext("Your password is changed; your other sessions have ended."), "success")
                return RedirectResponse(str(request.url_for("admin:account")), status_code=303)
        context = {
            "problems": problems,
            "rules": gettext(PASSWORD_RULES),
            "countries": country_choices(),
            "country": default_country(request),
        }
        return self.render(request, "admin/account.html", context, 422 if problems else 200)


def _country_changed(request: Request, country: str) -> dict[str, str]:
    try:
        accounts.set_default_country(engine(), principal_of(request), country or None)
    except InvalidInputError as error:
        return {each.field: said(each.message) for each in error.errors}
    return {}


def _changed(request: Request, old: str, new: str) -> dict[str, str]:
    try:
        accounts.change_own_password(engine(), principal_of(request), old, new, session_secret(request))
    except InvalidInputError as error:
        return {each.field: said(each.message) for each in error.errors}
    return {}
