"""API tokens: made (shown once), revoked. One's own; a superuser has the same page for each user."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.flash import flash
from starlette_admin.helpers import detail_url
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.fields import count_of, whole
from chalicelib.admin.pages.base import Page
from chalicelib.admin.translations import said
from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.errors import InvalidInputError, ServiceError
from chalicelib.domain.paging import Slice
from chalicelib.services import accounts, tokens
from chalicelib.storage.engine import engine
from chalicelib.storage.user_edits import UserRow

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
        user = token_user(request)
        made, problem, name = None, "", ""
        if request.method == "POST":
            name = str((await request.form()).get("name") or "").strip()
            try:
                _row, made = tokens.create(engine(), principal_of(request), name, user_id=user.id)
                name = ""
            except InvalidInputError as error:
                problem = said(error.errors[0].message)
            except ServiceError as error:
                problem = said(str(error))
        context = {**token_list(request, user.id), "user": user, "made": made, "problem": problem, "name": name}
        return self.render(request, "admin/tokens.html", context, 422 if problem else 200)

    @route("/revoke-all", methods=["POST"], name="revoke-all-tokens")
    async def revoke_all(self, request: Request) -> Response:
        """Makes all tokens of a user worthless at once."""
        user = token_user(request)
        number = tokens.revoke_all(engine(), principal_of(request), user.id)
        flash(request, count_of(number, "%(n)s token is revoked.", "%(n)s tokens are revoked."), "success")
        return _back(request, user.id)

    @route("/{token_id}/revoke", methods=["POST"], name="revoke-token")
    async def revoke(self, request: Request) -> Response:
        """Makes a token worthless at once."""
        user_id = principal_of(request).user_id
        try:
            user_id = tokens.revoke(engine(), principal_of(request), whole(request.path_params["token_id"]) or 0)
            flash(request, gettext("The token is revoked."), "success")
        except ServiceError as error:
            flash(request, said(str(error)), "error")
        return _back(request, user_id)


def token_user(request: Request) -> UserRow:
    """Whose tokens the page shows: the asker's, or (`?user=`) those of whom a superuser names. Raises a 404."""
    principal = principal_of(request)
    given = request.query_params.get("user")
    user_id = principal.user_id if given is None else whole(given) or 0
    try:
        if user_id == principal.user_id:
            return accounts.me(engine(), principal)
        return accounts.get(engine(), principal, user_id)
    except ServiceError:
        raise HTTPException(404) from None


def token_list(request: Request, user_id: int) -> dict[str, Any]:
    """What the template needs to show a user's tokens."""
    rows = tokens.page(engine(), principal_of(request), Slice(limit=_MOST, descending=True), user_id)
    return {"tokens": rows, "days": settings().token_days, "most": limits.TOKEN_NAME_LENGTH}


def _back(request: Request, user_id: int) -> Response:
    """To the page on which the button was."""
    if user_id == principal_of(request).user_id:
        return RedirectResponse(str(request.url_for("admin:tokens")), status_code=303)
    return RedirectResponse(detail_url(request, "user", user_id), status_code=303)
