"""The audit log, for superusers: read, filtered, exported; nothing in it is ever changed."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette_admin.fields import BaseField, StringField
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.fields import CodeField, DetailsField, IdField, LinkField, MomentField, WholeNumberField
from chalicelib.admin.views.base import ServiceView
from chalicelib.admin.words import AUDIT_COLOURS, audit_events
from chalicelib.storage.models import AuditEvent


class AuditView(ServiceView):
    """Logins, refusals, keys, exports and erasures."""

    model_class = AuditEvent
    owned = False
    key = "audit"
    icon = "fa-solid fa-clipboard-list"
    menu_label = _("Audit log")
    display_name = _("event")
    fields_default_sort = (("id", True),)
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        MomentField("at", label=_("When")),
        CodeField("event", label=_("Event"), choices_loader=audit_events, colours=AUDIT_COLOURS),
        LinkField("user_id", label=_("User ID"), to="user"),
        StringField("username", label=_("Username")),
        StringField("address", label=_("Address")),
        WholeNumberField("token_id", label=_("Token ID")),
        DetailsField("details", label=_("Details"), searchable=False),
    )
    sortable_fields = ("id", "at")
    searchable_fields = ("id", "at", "event", "user_id", "username", "address", "token_id")
    row_actions = ("view",)
    actions = ("export",)

    def is_accessible(self, request: Request) -> bool:
        """Only superusers see it."""
        return principal_of(request).is_superuser

    def can_create(self, request: Request) -> bool:
        """Events happen."""
        return False

    def can_edit(self, request: Request) -> bool:
        """Nor are they changed."""
        return False

    def can_delete(self, request: Request) -> bool:
        """Nor removed, before their time."""
        return False

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the name or the whole address."""
        return AuditEvent.username.icontains(term, autoescape=True) | (AuditEvent.address == term)

    def heading(self, obj: Any) -> str:
        """Its number."""
        return f"#{obj.id}"
