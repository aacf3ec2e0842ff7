"""Everyone's own API tokens: made (shown once), revoked."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.fields import whole
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.errors import InvalidInputError, ServiceError
from chalicelib.domain.paging import Slice
from chalicelib.services import tokens
from chalicelib.storage.engine import engine

_MOST = 500


class TokensPage(Page):
    """The list, the form, and the one answer that holds a token's text."""

    menu_label = _("API tokens")
    icon = "fa-solid fa-key"
    path = "/tokens"
    route_name = "tokens"

    @route("", methods=["GET", "POST"], name="tokens")
    async def index(self, request: Request) -> Response:
        """The list; after a POST with the token that was made, which no later page shows again."""
        made, problem, name = None, "", ""
        if request.method == "POST":
            name = str((await request.form()).get("name") or "").strip()
            try:
                _row, made = tokens.create(engine(), principal_of(request), name, timedelta(days=settings().token_days))
                name = ""
            except InvalidInputError as error:
                problem = said(error.errors[0].message)
        rows = tokens.page(engine(), principal_of(request), Slice(limit=_MOST, descending=True))
        context = {
            "tokens": rows,
            "made": made,
            "problem": problem,
            "name": name,
            "days": settings().token_days,
            "most": limits.TOKEN_NAME_LENGTH,
        }
        return self.render(request, "admin/tokens.html", context, 422 if problem else 200)

    @route("/{token_id}/revoke", methods=["POST"], name="revoke-token")
    async def revoke(self, request: Request) -> Response:
        """Makes a token worthless at once."""
        try:
            tokens.revoke(engine(), principal_of(request), whole(request.path_params["token_id"]) or 0)
            flash(request, gettext("The token is revoked."), "success")
        except ServiceError as error:
            flash(request, said(str(error)), "error")
        return RedirectResponse(str(request.url_for("admin:tokens")), status_code=303)
