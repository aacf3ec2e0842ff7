"""Messages: one mailing to one client, and its delivery."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from starlette.requests import Request
from starlette_admin import action, row_action
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField, IntegerField, StringField
from starlette_admin.filters import FilterGroup
from starlette_admin.flash import flash
from starlette_admin.i18n import get_tzinfo, gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import typed_phone
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import (
    CodeField,
    IdField,
    MomentField,
    OwnerField,
    SearchedField,
    WallTimeField,
    count_of,
    moment,
    whole,
)
from chalicelib.admin.translations import said
from chalicelib.admin.views.base import AnySelect, ServiceView
from chalicelib.admin.words import MESSAGE_COLOURS, call_kind, error, error_codes, message_statuses
from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.phone import phone_digits
from chalicelib.domain.segments import Segments
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.services import messages, previews, settlement
from chalicelib.services.history import Kind
from chalicelib.storage import message_calls
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.message_reads import in_deleted_mailing
from chalicelib.storage.models import Mailing, Message

_FAR = 1_000  # rows that are walked past without being noticed
_RETRYABLE = (MessageStatus.FAILED, MessageStatus.EXPIRED)


_EXPORTED_ALONE: dict[str, Any] = {
    "filters": [],
    "searchable": False,
    "orderable": False,
    **{f"exclude_from_{page}": True for page in ("list", "detail", "create", "edit")},
}


def _size(request: Request, obj: Any) -> Segments | None:
    sizes: dict[int, Segments] = getattr(request.state, "text_sizes", {})
    return sizes.get(obj.id)


class MessageView(ServiceView):
    """One mailing to one client."""

    model_class = Message
    key = "message"
    history_kind = Kind.MESSAGE
    icon = "fa-solid fa-message"
    menu_label = _("Messages")
    display_name = _("message")
    fields_default_sort = (("id", True),)
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        SearchedField(
            "mailing_id",
            label=_("Mailing"),
            to="mailing",
            required=True,
            exclude_from_edit=True,
            help_text=_("Its name or its ID"),
        ),
        SearchedField(
            "client_id",
            label=_("Client"),
            to="client",
            required=True,
            exclude_from_edit=True,
            help_text=_("Phone, name or ID; the selection does not matter"),
        ),
        StringField("phone", label=_("Phone"), exclude_from_create=True, exclude_from_edit=True),
        StringField("time_zone", label=_("Time zone"), exclude_from_create=True, exclude_from_edit=True, exclude_from_list=True),
        CodeField(
            "status",
            label=_("Status"),
            choices_loader=message_statuses,
            coerce=int,
            colours=MESSAGE_COLOURS,
            exclude_from_create=True,
            exclude_from_edit=True,
        ),
        CodeField(
            "error_code", label=_("What went wrong"), choices_loader=error_codes, exclude_from_create=True, exclude_from_edit=True
        ),
        StringField("error_detail", label=_("Detail"), exclude_from_create=True, exclude_from_edit=True, exclude_from_list=True),
        StringField("provider", label=_("Provider"), exclude_from_create=True, exclude_from_edit=True, exclude_from_list=True),
        StringField(
            "provider_reference",
            label=_("ID at the provider"),
            exclude_from_create=True,
            exclude_from_edit=True,
            exclude_from_list=True,
        ),
        IntegerField(
            "segments", label=_("SMS counted"), exclude_from_create=True, exclude_from_edit=True, exclude_from_list=True
        ),
        IntegerField(
            "text_segments",
            label=_("SMS of the text"),
            getter=lambda request, obj: (size := _size(request, obj)) and size.segments,
            **_EXPORTED_ALONE,
        ),
        StringField(
            "text_alphabet",
            label=_("Alphabet of the text"),
            getter=lambda request, obj: (size := _size(request, obj)) and size.encoding,
            **_EXPORTED_ALONE,
        ),
        IntegerField("attempts", label=_("Attempts"), exclude_from_create=True, exclude_from_edit=True),
        MomentField("not_before", label=_("Not before"), exclude_from_list=True),
        WallTimeField(
            "moves_to",
            label=_("Not before, on your clock"),
            required=True,
            filters=[],
            getter=lambda _request, obj: obj.not_before.astimezone(get_tzinfo()).replace(tzinfo=None, microsecond=0),
            searchable=False,
            orderable=False,
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_create=True,
            exclude_from_export=True,
            help_text=_("For a message that waits; earlier than now means now"),
        ),
        MomentField("sent_at", label=_("Sent")),
        MomentField("attempted_at", label=_("Last attempted at"), exclude_from_create=True, exclude_from_list=True),
        MomentField("created_at", label=_("Planned"), exclude_from_list=True),
        OwnerField("owner_id", label=_("Owner"), exclude_from_create=True, exclude_from_edit=True),
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
    edit_template = "admin/message_edit.html"
    row_actions = ("view", "edit", "retry", "delivered", "not_delivered", "cancel", "delete")
    actions = ("retry", "delivered", "not_delivered", "delete", "export")

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

    async def _export_resolve_items(self, request: Request, *args: Any, **more: Any) -> Sequence[Any]:
        items = await super()._export_resolve_items(request, *args, **more)
        request.state.text_sizes = previews.sizes(engine(), principal_of(request), [item.id for item in items])
        return items

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

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Another try is offered for what failed or expired, another moment and an end for what waits, an answer for what nobody knows."""
        if name in ("delivered", "not_delivered"):
            return bool(obj.error_code == ErrorCode.UNKNOWN_OUTCOME)
        if name in ("edit", "cancel"):
            return bool(obj.status == MessageStatus.WAITING)
        return name != "retry" or obj.status in _RETRYABLE

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Lets a message that waits wait until another moment."""
        typed = data["moves_to"]
        if not isinstance(typed, datetime):
            raise FormValidationError({"moves_to": gettext("This is not a date and time.")})
        with shown_in_form(request, {"not_before": "moves_to"}, "moves_to"):
            return messages.postpone(engine(), principal_of(request), self.id_of(pk), typed.replace(tzinfo=get_tzinfo()))

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Adds one client to a mailing by hand; both are found by what people know them by."""
        data = {
            **data,
            "mailing_id": _mailing(request, data["mailing_id"]),
            "client_id": _client(request, data["client_id"]),
        }
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

    @row_action(
        name="cancel",
        text=_("Cancel message"),
        icon_class="fa-solid fa-ban",
        confirmation=_("It is not sent. Its client is sent this mailing only if somebody adds them again by hand."),
        submit_btn_text=_("Cancel message"),
    )
    async def cancel_one(self, request: Request, pk: Any) -> None:
        """Cancels a message that waits."""
        with shown_as_alert():
            messages.cancel(engine(), principal_of(request), self.id_of(pk))
        flash(request, gettext("The message is cancelled."), "success")

    @row_action(
        name="delivered",
        text=_("It was delivered"),
        icon_class="fa-solid fa-check",
        confirmation=_("Somebody has found out that it was delivered. This cannot be taken back."),
        submit_btn_text=_("It was delivered"),
    )
    async def delivered_one(self, request: Request, pk: Any) -> None:
        """Settles a message of unknown outcome: it was delivered."""
        self._settle_one(request, pk, delivered=True)

    @row_action(
        name="not_delivered",
        text=_("It was not delivered"),
        icon_class="fa-solid fa-xmark",
        confirmation=_(
            "Somebody has found out that it was not delivered. It may be tried again then: if it was, its client gets it twice."
        ),
        submit_btn_text=_("It was not delivered"),
    )
    async def not_delivered_one(self, request: Request, pk: Any) -> None:
        """Settles a message of unknown outcome: it was not delivered."""
        self._settle_one(request, pk, delivered=False)

    @action(
        name="delivered",
        text=_("They were delivered"),
        icon_class="fa-solid fa-check",
        confirmation=_("Somebody has found out that these messages were delivered. This cannot be taken back."),
    )
    async def delivered_many(self, request: Request, selection: ActionSelection) -> None:
        """Settles messages of unknown outcome: they were delivered."""
        self._settle(request, [self.id_of(pk) for pk in await selection.pks()], delivered=True)

    @action(
        name="not_delivered",
        text=_("They were not delivered"),
        icon_class="fa-solid fa-xmark",
        confirmation=_(
            "Somebody has found out that these messages were not delivered."
            " They may be tried again then: if one was, its client gets it twice."
        ),
    )
    async def not_delivered_many(self, request: Request, selection: ActionSelection) -> None:
        """Settles messages of unknown outcome: they were not delivered."""
        self._settle(request, [self.id_of(pk) for pk in await selection.pks()], delivered=False)

    def _settle_one(self, request: Request, pk: Any, *, delivered: bool) -> None:
        with shown_as_alert():
            settlement.settle(engine(), principal_of(request), self.id_of(pk), delivered=delivered)
        flash(request, gettext("The answer is written down."), "success")

    def _settle(self, request: Request, ids: Sequence[int], *, delivered: bool) -> None:
        report = settlement.settle_messages(engine(), principal_of(request), dict.fromkeys(ids, delivered))
        number = report.sent + report.not_delivered
        flash(request, count_of(number, "%(n)s message is settled.", "%(n)s messages are settled."), "success")
        if report.refused:
            number, why = next(iter(report.refused.items()))
            words = gettext("Not all of them could be settled. %(why)s") % {"why": f"#{number}: {said(why)}"}
            flash(request, words, "warning")

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


def _mailing(request: Request, typed: Any) -> int:
    """The id of the mailing that was typed, by id or by name."""
    if isinstance(typed, int):
        return typed
    found = messages.find_mailings(engine(), principal_of(request), str(typed))
    return _only("mailing_id", [(each[0], each[1]) for each in found])


def _client(request: Request, typed: Any) -> int:
    """The id of the client that was typed, by id, phone or name; a number that is a phone's is a phone."""
    words = str(typed)
    phone = typed_phone(request, words)
    if isinstance(typed, int) and phone is None:
        return typed
    found = messages.find_clients(engine(), principal_of(request), phone, words)
    if not found and isinstance(typed, int):
        return typed
    return _only("client_id", [(number, f"{called} {shown}".strip()) for number, shown, called in found])


def _only(field: str, found: Sequence[tuple[int, str]]) -> int:
    if len(found) == 1:
        return found[0][0]
    if not found:
        raise FormValidationError({field: gettext("Nothing is found by these words.")})
    several = "; ".join(f"#{number} {words}" for number, words in found)
    raise FormValidationError({field: gettext("Several are found, write the ID of one: %(several)s") % {"several": several}})


def _named(request: Request, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows, with the names of their mailings put aside."""
    chosen = select(Mailing.id, Mailing.name).where(Mailing.id.in_({row.mailing_id for row in rows}))
    with autocommit(engine()) as connection:
        request.state.names = {"mailing": {row.id: row.name for row in connection.execute(chosen)}}
    return rows


def _requeue(principal: Principal, message_id: int) -> None:
    chosen = settings()
    messages.requeue(engine(), principal, message_id, honours_key=chosen.provider_honours_key, provider=chosen.provider_name)
