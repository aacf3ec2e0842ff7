"""Providers, for superusers."""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from typing import Any

from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.fields import BaseField, BooleanField, EnumField, IntegerField, StringField, TextAreaField
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import IdField, MomentField
from chalicelib.admin.translations import said
from chalicelib.admin.views.base import ServiceView
from chalicelib.admin.words import provider_kinds
from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.services import providers
from chalicelib.services.history import Kind
from chalicelib.services.providers import NewProvider
from chalicelib.services.providers import ProviderView as Account
from chalicelib.storage.engine import engine
from chalicelib.storage.models import ProviderAccount
from chalicelib.storage.providers import ProviderRow

_COMPUTED: dict[str, Any] = {
    "filters": [],
    "searchable": False,
    "orderable": False,
    "exclude_from_create": True,
    "exclude_from_edit": True,
}


def _account(obj: Any) -> Account:
    """What the settings of this process say of a row."""
    return providers.view(settings(), ProviderRow(**{each.name: getattr(obj, each.name) for each in fields_of(ProviderRow)}))


class ProviderView(ServiceView):
    """Accounts with providers, without their credentials."""

    model_class = ProviderAccount
    owned = False
    history_kind = Kind.PROVIDER
    key = "provider"
    icon = "fa-solid fa-tower-broadcast"
    menu_label = _("Providers")
    display_name = _("provider")
    fields_default_sort = (("position", False), ("id", False))
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        StringField(
            "name",
            label=_("Name"),
            required=True,
            maxlength=limits.PROVIDER_NAME_LENGTH,
            exclude_from_edit=True,
            help_text=_("Never changes: messages bear it. Its credential stands in the service's secret under this name"),
        ),
        EnumField("kind", label=_("API"), choices_loader=provider_kinds, required=True),
        StringField(
            "url",
            label=_("Address"),
            maxlength=limits.PROVIDER_URL_LENGTH,
            placeholder="https://",
            exclude_from_list=True,
            help_text=_("Where the kind has no common one"),
        ),
        StringField(
            "sender",
            label=_("Sender"),
            maxlength=limits.PROVIDER_SENDER_LENGTH,
            exclude_from_list=True,
            help_text=_("What recipients see"),
        ),
        TextAreaField(
            "options",
            label=_("Options"),
            maxlength=limits.PROVIDER_OPTIONS_LENGTH,
            exclude_from_list=True,
            help_text=_("For any HTTP API: its description as JSON"),
        ),
        BooleanField(
            "honours_key",
            label=_("Delivers once"),
            exclude_from_list=True,
            help_text=_("However often it is called with one ID: calls may be repeated after an unknown outcome"),
        ),
        IntegerField("rate", label=_("Calls a second"), min=0, max=limits.RATE, help_text=_("0: any number")),
        BooleanField("enabled", label=_("Enabled"), default=True, help_text=_("One that is not is never called")),
        IntegerField(
            "position", label=_("Position"), min=0, max=limits.RATE, help_text=_("In the default order, the lowest first")
        ),
        BooleanField("credential", label=_("Credential"), getter=lambda _request, obj: _account(obj).credential, **_COMPUTED),
        StringField(
            "problem",
            label=_("Cannot be called"),
            getter=lambda _request, obj: said(_account(obj).problem or "—").rstrip("."),
            **_COMPUTED,
        ),
        MomentField("updated_at", label=_("Changed")),
    )
    sortable_fields = ("id", "name", "kind", "rate", "enabled", "position", "updated_at")
    searchable_fields = ("id", "name", "kind", "enabled", "updated_at")
    row_actions = ("view", "edit", "probe", "delete")

    def is_accessible(self, request: Request) -> bool:
        """Only superusers see providers."""
        return principal_of(request).is_superuser

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the name."""
        del request
        return ProviderAccount.name.icontains(term, autoescape=True)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Add a provider."""
        with shown_in_form(request):
            return providers.create(engine(), principal_of(request), settings(), NewProvider(**_written(data)))

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Change a provider."""
        with shown_in_form(request):
            return providers.edit(engine(), principal_of(request), settings(), self.id_of(pk), _written(data))

    def remove(self, principal: Principal, row_id: int) -> None:
        """Delete a provider that no mailing needs."""
        providers.delete(engine(), principal, settings(), row_id)

    @row_action(
        name="probe",
        text=_("Probe now"),
        confirmation=_(
            "The next message that waits for this provider is sent as a probe: if it is accepted, the circuit breaker closes."
        ),
        icon_class="fa-solid fa-stethoscope",
        submit_btn_text=_("Probe now"),
    )
    async def probe(self, request: Request, pk: Any) -> None:
        """Let the next message through an open circuit breaker."""
        with shown_as_alert():
            providers.probe(engine(), principal_of(request), self.id_of(pk))
        flash(request, gettext("The next message is a probe."), "success")

    def heading(self, obj: Any) -> str:
        """Return the name."""
        return str(getattr(obj, "name", None) or obj.row.name)


def _written(data: dict[str, Any]) -> dict[str, Any]:
    """What the form says of the fields of NewProvider; browsers end lines in their own way."""
    texts: dict[str, Any] = {
        name: (data[name] or "").replace("\r\n", "\n") for name in ("name", "kind", "url", "sender", "options") if name in data
    }
    numbers = {name: data[name] or 0 for name in ("rate", "position")}
    return {**texts, **numbers, "honours_key": bool(data["honours_key"]), "enabled": bool(data["enabled"])}
