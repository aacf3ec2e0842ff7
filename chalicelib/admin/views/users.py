"""Users, for superusers."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.fields import BaseField, BooleanField, PasswordField, StringField
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin import dependents
from chalicelib.admin.access import principal_of
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import IdField, MomentField
from chalicelib.admin.views.base import ServiceView
from chalicelib.auth.passwords import MAX_LENGTH
from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.services import accounts, second_factor, sessions, single_sign_on, tokens
from chalicelib.services.accounts import Account
from chalicelib.services.history import Kind
from chalicelib.storage.engine import engine
from chalicelib.storage.models import User
from chalicelib.storage.tokens import TokenRow


def _password_form(request: Request, obj: Any) -> str:
    del request, obj
    label, rules = gettext("New password"), gettext(PASSWORD_RULES)
    return (
        f'<form><label class="form-label" for="new-password">{label}</label>'
        '<input class="form-control" id="new-password" name="password" type="password" autocomplete="new-password" required>'
        f'<small class="form-hint">{rules}</small></form>'
    )


def _sign_on_form(request: Request, obj: Any) -> str:
    del request, obj
    label = (
        gettext("E-mail address at the provider") if settings().oidc_claim == "email" else gettext("User name at the provider")
    )
    return (
        f'<form><label class="form-label" for="sign-on-claim">{label}</label>'
        '<input class="form-control" id="sign-on-claim" name="claim" maxlength="254" autocomplete="off" autocapitalize="none"></form>'
    )


PASSWORD_RULES = "At least 8 characters, 4 of them different; not only digits, not a common password, without the user's name."  # noqa: S105 - a rule, no password


class UserView(ServiceView):
    """Those who may log in."""

    model_class = User
    owned = False
    history_kind = Kind.USER
    detail_template = "admin/user.html"
    key = "user"
    icon = "fa-solid fa-users"
    menu_label = _("Users")
    display_name = _("user")
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        StringField("username", label=_("Username"), required=True, maxlength=limits.USERNAME_LENGTH),
        PasswordField(
            "password",
            label=_("Password"),
            required=True,
            maxlength=MAX_LENGTH,
            help_text=_(PASSWORD_RULES),
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_edit=True,
            exclude_from_export=True,
            searchable=False,
        ),
        BooleanField("is_superuser", label=_("Superuser"), help_text=_("Sees and does everything")),
        BooleanField(
            "is_active",
            label=_("Active"),
            default=True,
            help_text=_(
                "An inactive user loses access at once, everywhere; sessions end and API tokens are revoked. Scheduled and running "
                "mailings of the user are paused, and stay so until somebody resumes them"
            ),
        ),
        MomentField("created_at", label=_("Created")),
    )
    sortable_fields = ("id", "username", "is_superuser", "is_active", "created_at")
    searchable_fields = ("id", "username", "is_superuser", "is_active", "created_at")

    def tokens_of(self, request: Request, user_id: int) -> list[TokenRow]:
        """A user's API tokens, the newest first."""
        return tokens.page(engine(), principal_of(request), Slice(limit=500, descending=True), user_id)

    def is_accessible(self, request: Request) -> bool:
        """Only superusers see users."""
        return principal_of(request).is_superuser

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the name."""
        return User.username.icontains(term, autoescape=True)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Adds a user."""
        with shown_in_form(request):
            return accounts.create(engine(), principal_of(request), _account(data), data["password"] or "")

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Changes name and rights."""
        with shown_in_form(request, conflict_field="is_superuser"):
            return accounts.change(engine(), principal_of(request), int(pk), _account(data))

    def remove(self, principal: Principal, row_id: int) -> None:
        """Deletes a user who owns nothing."""
        accounts.delete(engine(), principal, row_id)

    def dependents(self, request: Request, ids: list[int]) -> str:
        """Their tokens."""
        return dependents.of_users(ids)

    @row_action(
        name="password",
        text=_("Change password"),
        confirmation=_("All sessions of this user end, and all their API tokens are revoked."),
        icon_class="fa-solid fa-key",
        submit_btn_text=_("Change password"),
        form=_password_form,
    )
    async def change_password(self, request: Request, pk: Any) -> None:
        """Gives a user another password."""
        form = await request.form()
        with shown_as_alert():
            accounts.set_password(engine(), principal_of(request), int(pk), str(form.get("password") or ""))
        flash(request, gettext("The password was changed."), "success")

    @row_action(
        name="end-sessions",
        text=_("End sessions"),
        confirmation=_("The user has to log in again, in every browser. API tokens stay valid."),
        icon_class="fa-solid fa-right-from-bracket",
        submit_btn_text=_("End sessions"),
        exclude_from_list=True,
    )
    async def end_sessions(self, request: Request, pk: Any) -> None:
        """Logs a user out everywhere."""
        with shown_as_alert():
            sessions.end_of_user(engine(), principal_of(request), int(pk))
        flash(request, gettext("The sessions have ended."), "success")

    @row_action(
        name="second-factor",
        text=_("Remove second factor"),
        confirmation=_("For a user who has lost phone and recovery codes. All sessions of this user end."),
        icon_class="fa-solid fa-mobile-screen",
        submit_btn_text=_("Remove second factor"),
        exclude_from_list=True,
    )
    async def remove_second_factor(self, request: Request, pk: Any) -> None:
        """Lets a user who has lost it log in without."""
        with shown_as_alert():
            second_factor.reset(engine(), principal_of(request), int(pk))
        flash(request, gettext("The second factor was removed."), "success")

    @row_action(
        name="single-sign-on",
        text=_("Single sign-on"),
        confirmation=_(
            "The first person whom the provider names so logs in as this user from then on. Empty: nobody does. All sessions of this user "
            "end."
        ),
        icon_class="fa-solid fa-right-to-bracket",
        submit_btn_text=_("Save"),
        form=_sign_on_form,
        exclude_from_list=True,
    )
    async def prepare_sign_on(self, request: Request, pk: Any) -> None:
        """Says who at the provider may log in as this user."""
        form = await request.form()
        with shown_as_alert():
            claim = str(form.get("claim") or "")
            single_sign_on.prepare(engine(), principal_of(request), int(pk), settings().oidc_issuer, claim)
        flash(request, gettext("Single sign-on was changed."), "success")

    def heading(self, obj: Any) -> str:
        """The name."""
        return str(obj.username)


def _account(data: dict[str, Any]) -> Account:
    return Account(data["username"] or "", bool(data["is_superuser"]), bool(data["is_active"]))
