"""Messages: what became of one mailing to one client."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from starlette.requests import Request
from starlette_admin import action, row_action
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed
from starlette_admin.fields import BaseField, IntegerField, StringField
from starlette_admin.filters import FilterGroup
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import typed_phone
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import CodeField, IdField, LinkField, MomentField, OwnerField, count_of, moment, whole
from chalicelib.admin.views.base import AnySelect, ServiceView
from chalicelib.admin.words import MESSAGE_COLOURS, call_kind, error, error_codes, message_statuses
from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.phone import phone_digits
from chalicelib.domain.status import MessageStatus
from chalicelib.services import messages
from chalicelib.storage import message_calls
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.message_reads import in_deleted_mailing
from chalicelib.storage.models import Mailing, Message

_FAR = 1_000  # rows that are walked past without being noticed
_RETRYABLE = (MessageStatus.FAILED, MessageStatus.EXPIRED)


class MessageView(ServiceView):
    """One mailing to one client."""

    model_class = Message
    key = "message"
    icon = "fa-solid fa-message"
    menu_label = _("Messages")
    display_name = _("message")
    fields_default_sort = (("id", True),)
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        LinkField("mailing_id", label=_("Mailing"), to="mailing", required=True, help_text=_("Its ID")),
        LinkField(
            "client_id", label=_("Client"), to="client", required=True, help_text=_("Its ID; the selection does not matter")
        ),
        StringField("phone", label=_("Phone"), exclude_from_create=True),
        StringField("time_zone", label=_("Time zone"), exclude_from_create=True, exclude_from_list=True),
        CodeField(
            "status",
            label=_("Status"),
            choices_loader=message_statuses,
            coerce=int,
            colours=MESSAGE_COLOURS,
            exclude_from_create=True,
        ),
        CodeField("error_code", label=_("What went wrong"), choices_loader=error_codes, exclude_from_create=True),
        StringField("error_detail", label=_("Detail"), exclude_from_create=True, exclude_from_list=True),
        IntegerField("attempts", label=_("Attempts"), exclude_from_create=True),
        MomentField("not_before", label=_("Not before"), exclude_from_list=True),
        MomentField("sent_at", label=_("Sent")),
        MomentField("attempted_at", label=_("Last attempted at"), exclude_from_create=True, exclude_from_list=True),
        MomentField("created_at", label=_("Planned"), exclude_from_list=True),
        OwnerField("owner_id", label=_("Owner"), exclude_from_create=True),
    )
    searchable_fields = (
        "id",
        "mailing_id",
        "client_id",
        "phone",
        "time_zone",
        "status",
        "error_code",
        "attempts",
        "sent_at",
        "created_at",
        "owner_id",
    )
    # What a sort by another column would cost a table of millions is more than it helps.
    sortable_fields = ("id", "mailing_id", "client_id", "status", "sent_at", "attempts")
    detail_template = "admin/message.html"
    row_actions = ("view", "retry", "delete")
    actions = ("retry", "delete", "export")

    def get_list_query(self, request: Request) -> AnySelect:
        """Messages that were not deleted."""
        return self.mine(request, select(Message)).where(Message.deleted_at.is_(None), ~in_deleted_mailing(Message.mailing_id))

    def get_count_query(self, request: Request) -> AnySelect:
        """How many."""
        visible = (Message.deleted_at.is_(None), ~in_deleted_mailing(Message.mailing_id))
        return self.mine(request, select(func.count()).select_from(Message)).where(*visible)

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        """How many; of all, from what finished mailings keep and not row by row."""
        if q or (filters is not None and not filters.is_empty()):
            return await super().count(request, q, filters)
        return sum(messages.counts(engine(), principal_of(request)).values())

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        """A page; one in the far half is reached from the other end, or each would walk past all rows before it."""
        sorts = sorts or []
        by_id = len(sorts) == 1 and sorts[0][0] == "id"
        total = await self.count(request, q, filters) if by_id and skip > _FAR and limit > 0 else 0
        if skip * 2 <= total or not total:
            return _named(request, await super().find_all(request, skip, limit, q, sorts, filters))
        left = max(0, total - skip)
        other = "asc" if sorts[0][1] == "desc" else "desc"
        rows = await super().find_all(request, max(0, left - limit), min(limit, left), q, [("id", other)], filters)
        return _named(request, rows[::-1] if left else [])

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """A message."""
        found = await super().find_by_pk(request, pk)
        return found and _named(request, [found])[0]

    def calls_of(self, row: Any) -> list[dict[str, Any]]:
        """The calls that were made for a message, for its page; none if the first one was accepted."""
        with autocommit(engine()) as connection:
            found = message_calls.of_message(connection, row.mailing_id, row.id)
        return [
            {
                "at": moment(call.at),
                "provider": call.provider,
                "attempt": call.attempt,
                "kind": call_kind(call.kind),
                "code": error(call.error_code) if call.error_code else "",
                "detail": call.detail or "",
                "milliseconds": "" if call.milliseconds is None else f"{call.milliseconds:,}",
            }
            for call in found
        ]

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the phone, or by an id."""
        digits = phone_digits(term).removeprefix("+")
        found = [Message.phone.contains(digits or term, autoescape=True)]
        if phone := typed_phone(request, term):
            found.append(Message.phone == phone)
        number = whole(term.strip())
        if number is not None:
            found.append(Message.id == number)
        return or_(*found)

    def can_edit(self, request: Request) -> bool:
        """What became of a message is not edited: it is tried again, or deleted."""
        del request
        return False

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Another try is offered for what failed or expired."""
        return name != "retry" or obj.status in _RETRYABLE

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Adds one client to a mailing by hand."""
        with shown_in_form(request, {"client": "client_id"}, "client_id"):
            return messages.add(engine(), principal_of(request), data["mailing_id"], data["client_id"])

    def remove(self, principal: Principal, row_id: int) -> None:
        """Takes a message out of sight."""
        messages.delete(engine(), principal, row_id)

    @row_action(name="retry", text=_("Try again"), icon_class="fa-solid fa-rotate-right")
    async def retry_one(self, request: Request, pk: Any) -> None:
        """Has a message tried again."""
        with shown_as_alert():
            _requeue(principal_of(request), int(pk))
        flash(request, gettext("The message is being tried again."), "success")

    @action(name="retry", text=_("Try again"), icon_class="fa-solid fa-rotate-right", confirmation=_("Try these messages again?"))
    async def retry_many(self, request: Request, selection: ActionSelection) -> None:
        """Has messages tried again; those that may not be are counted."""
        done, refused = 0, ""
        for pk in await selection.pks():
            try:
                with shown_as_alert():
                    _requeue(principal_of(request), self.id_of(pk))
                done += 1
            except ActionFailed as error:
                refused = f"#{pk}: {error.msg}"
        flash(request, count_of(done, "%(n)s message is being tried again.", "%(n)s messages are being tried again."), "success")
        if refused:
            flash(request, gettext("Not all of them may be tried again. %(why)s") % {"why": refused}, "warning")


def _named(request: Request, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows, with the names of their mailings put aside."""
    chosen = select(Mailing.id, Mailing.name).where(Mailing.id.in_({row.mailing_id for row in rows}))
    with autocommit(engine()) as connection:
        request.state.names = {"mailing": {row.id: row.name for row in connection.execute(chosen)}}
    return rows


def _requeue(principal: Principal, message_id: int) -> None:
    messages.requeue(engine(), principal, message_id, honours_key=settings().provider_honours_key)
