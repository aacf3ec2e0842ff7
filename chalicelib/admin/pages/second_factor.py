"""One's own second factor: set up with an authenticator app, recovery codes, turned off."""

import segno
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import address_of, device_of, log_in_again_url, login_limit, principal_of, session_secret, too_many
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.auth.throttle import Guess, TooManyAttemptsError
from chalicelib.domain.errors import InvalidInputError, ServiceError
from chalicelib.services import second_factor, sessions
from chalicelib.services.sessions import digest
from chalicelib.storage.engine import engine


class SecondFactorPage(Page):
    """The page that its state asks for, and the one answer that holds recovery codes."""

    menu_label = _("Second factor")
    icon = "fa-solid fa-mobile-screen"
    path = "/second-factor"
    route_name = "second-factor"

    @route("", methods=["GET", "POST"], name="second-factor")
    async def index(self, request: Request) -> Response:
        """The page; a POST turns the second factor on or off, or makes new recovery codes."""
        if not hasattr(request.state, "principal"):  # who has to enrol is let in here before the rest
            raise HTTPException(403)
        codes: list[str] = []
        problem = ""
        if request.method == "POST":
            form = await request.form()
            try:
                codes = _done(request, str(form.get("action") or ""), str(form.get("code") or ""))
            except TooManyAttemptsError as error:
                problem = too_many(error)
            except InvalidInputError as error:
                problem = said(error.errors[0].message)
            except ServiceError as error:
                problem = said(str(error))
            if not codes and not problem:
                flash(request, gettext("The second factor is off."), "success")
                return RedirectResponse(str(request.url_for("admin:second-factor")), status_code=303)
        state = second_factor.state(engine(), principal_of(request))
        recent = sessions.is_recent(engine(), session_secret(request))
        enrolment = second_factor.begin(engine(), principal_of(request)) if recent and not state.on else None
        picture = segno.make(enrolment.address).svg_data_uri(scale=5, border=4, light="#fff") if enrolment else ""
        context = {"state": state, "enrolment": enrolment, "picture": picture, "codes": codes, "problem": problem}
        context["again"] = "" if recent else log_in_again_url(request)
        return self.render(request, "admin/second_factor.html", context, 422 if problem else 200)


def _done(request: Request, action: str, code: str) -> list[str]:
    principal = principal_of(request)
    sessions.require_recent(engine(), session_secret(request))
    if action == "on":
        return second_factor.confirm(engine(), principal, code, digest(session_secret(request)))
    guess = Guess(address_of(request), login_limit(), device_of(request))
    if action == "codes":
        return second_factor.renew_codes(engine(), principal, code, guess)
    second_factor.turn_off(engine(), principal, code, guess)
    return []
