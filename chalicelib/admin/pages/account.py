"""One's own password, sessions, and the country of phones typed without +."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import address_of, device_of, log_in_again_url, login_limit, principal_of, session_secret, too_many
from chalicelib.admin.countries import country_choices, default_country
from chalicelib.admin.fields import whole
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.admin.views.users import PASSWORD_RULES
from chalicelib.auth.throttle import Guess, TooManyAttemptsError
from chalicelib.domain.errors import InvalidInputError, ServiceError
from chalicelib.services import accounts, sessions
from chalicelib.services.accounts import Kept
from chalicelib.storage.engine import engine


class AccountPage(Page):
    """Two forms, the password and the default country, and the list of sessions."""

    menu_label = _("My account")
    icon = "fa-solid fa-user-lock"
    path = "/account"
    route_name = "account"

    @route("", methods=["GET", "POST"], name="account")
    async def index(self, request: Request) -> Response:
        """The page; a new password ends all other sessions and, unless told otherwise, revokes the tokens."""
        problems: dict[str, str] = {}
        revoke = True
        form = await request.form()
        if request.method == "POST" and "default_country" in form:
            problems = _country_changed(request, str(form["default_country"]))
            if not problems:
                flash(request, gettext("The country of your phones is kept."), "success")
                return RedirectResponse(str(request.url_for("admin:account")), status_code=303)
        elif request.method == "POST":
            old, new, again = (str(form.get(name) or "") for name in ("old_password", "password", "again"))
            revoke = not form.get("keep_tokens")
            if new != again:
                problems["again"] = gettext("The two are not the same.")
            else:
                problems = _changed(request, old, new, Kept(session_secret(request), tokens=not revoke))
            if not problems:
                message = (
                    gettext("Your password is changed; your other sessions have ended and your API tokens are revoked.")
                    if revoke
                    else gettext("Your password is changed; your other sessions have ended.")
                )
                flash(request, message, "success")
                return RedirectResponse(str(request.url_for("admin:account")), status_code=303)
        listed = sessions.listed(engine(), principal_of(request), session_secret(request))
        context = {
            "problems": problems,
            "rules": gettext(PASSWORD_RULES),
            "countries": country_choices(),
            "country": default_country(request),
            "keep_tokens": not revoke,
            "sessions": listed,
            "again": "" if sessions.is_recent(engine(), session_secret(request)) else log_in_again_url(request),
            "browser_name": browser_name,
        }
        return self.render(request, "admin/account.html", context, 422 if problems else 200)

    @route("/sessions/{session_id}/end", methods=["POST"], name="end-session")
    async def end(self, request: Request) -> Response:
        """Ends one session, or (`others`) all but this one."""
        try:
            if request.path_params["session_id"] == "others":
                sessions.end_others(engine(), principal_of(request), session_secret(request))
            else:
                number = whole(request.path_params["session_id"]) or 0
                sessions.end(engine(), principal_of(request), number, session_secret(request))
            flash(request, gettext("Ended."), "success")
        except ServiceError as error:
            flash(request, said(str(error)), "error")
        return RedirectResponse(str(request.url_for("admin:account")), status_code=303)


def _country_changed(request: Request, country: str) -> dict[str, str]:
    try:
        accounts.set_default_country(engine(), principal_of(request), country or None)
    except InvalidInputError as error:
        return {each.field: said(each.message) for each in error.errors}
    return {}


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("YaBrowser", "Yandex"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """What people call the browser that says this of itself; what it says, where that is nothing known."""
    found = [next((name for mark, name in names if mark in user_agent), "") for names in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or user_agent[:60]


def _changed(request: Request, old: str, new: str, kept: Kept) -> dict[str, str]:
    try:
        guess = Guess(address_of(request), login_limit(), device_of(request))
        accounts.change_own_password(engine(), principal_of(request), old, new, kept, guess)
    except TooManyAttemptsError as error:
        return {"old_password": too_many(error)}
    except InvalidInputError as error:
        return {each.field: said(each.message) for each in error.errors}
    return {}
