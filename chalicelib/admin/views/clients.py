"""Clients."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_
from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import BaseField, StringField
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin import dependents
from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import default_country, typed_phone
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import AttributesField, IdField, MomentField, OwnerField, WordsField, ZoneField
from chalicelib.admin.views.base import ServiceView
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.phone import MAX_TYPED, phone_digits
from chalicelib.services import clients, do_not_contact
from chalicelib.services.clients import ClientChanges, NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.history import Kind
from chalicelib.storage.engine import engine
from chalicelib.storage.models import Client

_NAMES = {"owner": "owner_id"}


def _reason_form(request: Request, obj: Any) -> str:
    del request, obj
    label = gettext("Reason")
    return (
        f'<form><label class="form-label" for="reason">{label}</label>'
        f'<input class="form-control" id="reason" name="reason" maxlength="{limits.REASON_LENGTH}"></form>'
    )


class ClientView(ServiceView):
    """People who may be sent messages."""

    model_class = Client
    history_kind = Kind.CLIENT
    key = "client"
    icon = "fa-solid fa-address-book"
    menu_label = _("Clients")
    display_name = _("client")
    list_template = "admin/clients.html"
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        StringField("phone", label=_("Phone"), required=True, maxlength=MAX_TYPED, placeholder="+79101234567"),
        StringField(
            "operator_code",
            label=_("Operator code"),
            maxlength=limits.CODE_LENGTH,
            help_text=_("Taken from the phone if left empty"),
        ),
        WordsField("tags", label=_("Tags"), help_text=_("Commas between them"), orderable=False),
        ZoneField("time_zone", label=_("Time zone"), required=True, placeholder="Europe/Moscow"),
        AttributesField(
            "attributes",
            label=_("Attributes"),
            help_text=_("For personal texts: one name = value a line; ${name} in a text stands for the value"),
            exclude_from_list=True,
            searchable=False,
            orderable=False,
        ),
        OwnerField("owner_id", label=_("Owner")),
        MomentField("created_at", label=_("Created")),
    )
    sortable_fields = ("id", "phone", "operator_code", "time_zone", "owner_id", "created_at")
    searchable_fields = ("id", "phone", "operator_code", "tags", "time_zone", "owner_id", "created_at")
    exclude_fields_from_export = ()
    row_actions = ("view", "edit", "leave_alone", "delete")

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the phone, by operator code, by tag, by the name of a zone."""
        digits = phone_digits(term).removeprefix("+")
        found = [Client.tags.contains([canonical(term)]), Client.time_zone.icontains(term, autoescape=True)]
        if phone := typed_phone(request, term):
            found.append(Client.phone == phone)
        if digits:
            found += [Client.phone.contains(digits), Client.operator_code == digits]
        return or_(*found)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Adds a client."""
        with shown_in_form(request, _NAMES, "phone"):
            return clients.create(engine(), principal_of(request), NewClient(**_values(data), country=default_country(request)))

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Changes a client. An operator code that was the old phone's goes with it."""
        changes = ClientChanges(**_values(data), country=default_country(request))  # type: ignore[typeddict-item]  # the form's fields are the keys
        expected = await self.expected(request)
        with shown_in_form(request, _NAMES, "phone"):
            before = clients.get(engine(), principal_of(request), int(pk))
            if changes["operator_code"] == before.operator_code:
                del changes["operator_code"]
            return clients.change(engine(), principal_of(request), int(pk), changes, expected=expected)

    def version_of(self, request: Request, row_id: int) -> str:
        """The version of a client."""
        return clients.version_of(clients.get(engine(), principal_of(request), row_id))

    def remove(self, principal: Principal, row_id: int) -> None:
        """Deletes a client."""
        clients.delete(engine(), principal, row_id)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Deletes clients in slices; says so if some were gone already, or if there was no time for all."""
        if len(pks) == 1:
            return await super().delete(request, pks)
        with shown_as_alert():
            done = clients.delete_many(engine(), principal_of(request), [self.id_of(pk) for pk in pks])
        if done.remaining or done.missing:
            message = gettext("%(done)d of %(all)d deleted; not found: %(missing)d; left for another try: %(remaining)d")
            numbers = {"done": done.deleted, "all": len(pks), "missing": done.missing, "remaining": done.remaining}
            raise ActionFailed(message % numbers)
        return done.deleted

    def dependents(self, request: Request, ids: list[int]) -> str:
        """Their messages."""
        return dependents.of_clients(principal_of(request), ids)

    @row_action(
        name="leave_alone",
        text=_("Do not contact"),
        icon_class="fa-solid fa-ban",
        exclude_from_list=True,
        form=_reason_form,
        confirmation=_("No mailing will reach this phone any more."),
        submit_btn_text=_("Do not contact"),
    )
    async def leave_alone(self, request: Request, pk: Any) -> None:
        """Puts the client's phone on the do-not-contact list of the client's owner."""
        reason = str((await request.form()).get("reason") or "").strip()
        with shown_as_alert():
            client = clients.get(engine(), principal_of(request), int(pk))
            do_not_contact.put(engine(), principal_of(request), [NewEntry(client.phone, reason, client.owner)])
        flash(request, gettext("%(phone)s is on the do-not-contact list.") % {"phone": client.phone}, "success")

    def heading(self, obj: Any) -> str:
        """The phone."""
        return str(obj.phone)


def _values(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "phone": data["phone"] or "",
        "time_zone": data["time_zone"] or "",
        "operator_code": data["operator_code"] or None,
        "tags": tuple(data["tags"]),
        "attributes": data["attributes"],
        "owner_id": data.get("owner_id"),
    }
