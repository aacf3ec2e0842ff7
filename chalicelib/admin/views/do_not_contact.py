"""The do-not-contact list."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_
from starlette.requests import Request
from starlette_admin.fields import BaseField, StringField
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import default_country, typed_phone
from chalicelib.admin.errors import shown_in_form
from chalicelib.admin.fields import IdField, MomentField, OwnerField
from chalicelib.admin.views.base import ServiceView
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.phone import MAX_TYPED, phone_digits
from chalicelib.services import do_not_contact
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.storage.engine import engine
from chalicelib.storage.models import DoNotContact


class DoNotContactView(ServiceView):
    """The list."""

    model_class = DoNotContact
    key = "do-not-contact"
    icon = "fa-solid fa-ban"
    menu_label = _("Do not contact")
    display_name = _("entry")
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        StringField("phone", label=_("Phone"), required=True, maxlength=MAX_TYPED, placeholder="+79101234567"),
        StringField("reason", label=_("Reason"), maxlength=limits.REASON_LENGTH),
        OwnerField("owner_id", label=_("Owner")),
        MomentField("created_at", label=_("Created")),
    )

    def can_edit(self, request: Request) -> bool:
        """An entry is there or it is not; adding it again gives it another reason."""
        del request
        return False

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the phone or of the reason."""
        found = [DoNotContact.reason.icontains(term, autoescape=True)]
        if digits := phone_digits(term).removeprefix("+"):
            found.append(DoNotContact.phone.contains(digits))
        if phone := typed_phone(request, term):
            found.append(DoNotContact.phone == phone)
        return or_(*found)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Puts a phone on the list."""
        entry = NewEntry(data["phone"] or "", (data["reason"] or "").strip(), data.get("owner_id"), default_country(request))
        with shown_in_form(request, {"owner": "owner_id"}):
            return do_not_contact.put(engine(), principal_of(request), [entry])[0]

    def remove(self, principal: Principal, row_id: int) -> None:
        """Takes it off the list."""
        do_not_contact.remove(engine(), principal, row_id)

    def heading(self, obj: Any) -> str:
        """The phone."""
        return str(obj.phone)
