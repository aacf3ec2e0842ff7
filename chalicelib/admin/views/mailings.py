"""Mailings: written, edited, and moved through their life."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin import link_row_action, row_action
from starlette_admin.fields import BaseField, BooleanField, StringField, TextAreaField
from starlette_admin.flash import flash
from starlette_admin.i18n import gettext
from starlette_admin.i18n import lazy_gettext as _
from starlette_admin.types import RequestAction

from chalicelib.admin import dependents
from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import default_country
from chalicelib.admin.errors import shown_as_alert, shown_in_form
from chalicelib.admin.fields import (
    CodeField,
    IdField,
    MomentField,
    OwnerField,
    TimeOfDayField,
    WallTimeField,
    WholeNumberField,
    WordsField,
    ZoneField,
    count_of,
)
from chalicelib.admin.pages.data import mailing_data
from chalicelib.admin.progress import stacked
from chalicelib.admin.views.base import AnySelect, ServiceView
from chalicelib.admin.words import MAILING_COLOURS, blocked_zones, error, mailing_statuses
from chalicelib.domain import life_cycle, limits
from chalicelib.domain.access import Principal
from chalicelib.domain.outcome import ACCEPTING
from chalicelib.domain.segments import Segments
from chalicelib.domain.status import MailingStatus
from chalicelib.domain.window import BlockedZone
from chalicelib.providers import configured
from chalicelib.services import mailings, previews
from chalicelib.services.history import Kind
from chalicelib.services.mailings import MailingRecord, NewMailing
from chalicelib.services.previews import Sample
from chalicelib.services.text_checks import TextCheck
from chalicelib.storage import message_counts
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.models import Mailing

_NAMES = {"owner": "owner_id"}
_ALLOWED = {
    "schedule": (MailingStatus.DRAFT,),
    "send_now": life_cycle.STARTABLE,
    "pause": life_cycle.PAUSABLE,
    "resume": life_cycle.RESUMABLE,
    "cancel": life_cycle.CANCELLABLE,
    "retry_failed": life_cycle.RETRYABLE,
    "delete": life_cycle.DELETABLE,
    "delete_unknown": (MailingStatus.FINISHED, MailingStatus.CANCELLED),
    "edit": tuple(status for status in MailingStatus if status not in (MailingStatus.FINISHED, MailingStatus.CANCELLED)),
}


@dataclass
class ProgressField(StringField):
    """How much of a mailing is done, as a bar."""

    list_template: str = "admin/fields/progress.html"

    async def serialize_value(self, request: Request, value: Any) -> Any:
        """What the bar is drawn from."""
        return value


async def _progress(request: Request, obj: Any) -> dict[str, Any]:
    found: dict[int, dict[str, int]] = getattr(request.state, "mailing_counts", {})
    return stacked(found.get(obj.id, {}))


def _test_form(request: Request, obj: Any) -> str:
    del request, obj
    label, hint = gettext("Phone"), gettext("The text as the first selected client would read it; it counts nowhere.")
    return (
        f'<form><label class="form-label" for="test-phone">{label}</label>'
        '<input class="form-control" id="test-phone" name="phone" type="tel" placeholder="+79101234567" required>'
        f'<small class="form-hint">{hint}</small></form>'
    )


class MailingView(ServiceView):
    """A text, the clients it is for, and when it may go out."""

    model_class = Mailing
    history_kind = Kind.MAILING
    key = "mailing"
    icon = "fa-solid fa-paper-plane"
    menu_label = _("Mailings")
    display_name = _("mailing")
    detail_template = "admin/mailing.html"
    create_template = "admin/mailing_create.html"
    edit_template = "admin/mailing_edit.html"
    fields_default_sort = (("id", True),)
    fields: Sequence[BaseField] = (
        IdField("id", label="ID"),
        StringField(
            "name",
            label=_("Name"),
            maxlength=limits.MAILING_NAME_LENGTH,
            help_text=_("Empty: the first words of the text"),
        ),
        CodeField(
            "status",
            label=_("Status"),
            choices_loader=mailing_statuses,
            colours=MAILING_COLOURS,
            read_only=True,
            exclude_from_create=True,
            exclude_from_edit=True,
        ),
        ProgressField(
            "progress",
            label=_("Progress"),
            getter=_progress,
            read_only=True,
            searchable=False,
            orderable=False,
            exclude_from_create=True,
            exclude_from_edit=True,
            exclude_from_detail=True,
            exclude_from_export=True,
        ),
        TextAreaField(
            "text",
            label=_("Text"),
            required=True,
            maxlength=limits.MAILING_TEXT_LENGTH,
            exclude_from_list=True,
            help_text=_(
                "${name} is the client's attribute, ${name|friend} has a word in its place for clients without it;"
                " a literal ${ is written $${, a dollar sign before a placeholder $$"
            ),
        ),
        WordsField(
            "filter_operator_codes",
            label=_("Operator codes"),
            orderable=False,
            exclude_from_list=True,
            filters=[],
            help_text=_("Any of these, commas between them; empty: all"),
        ),
        WordsField(
            "filter_tags",
            label=_("Tags"),
            orderable=False,
            exclude_from_list=True,
            filters=[],
            help_text=_("Any of these, commas between them; empty: all"),
        ),
        WallTimeField("starts_at", label=_("Starts"), filters=[], help_text=_("Empty: now, in every time zone at once")),
        WallTimeField(
            "ends_at",
            label=_("Ends"),
            filters=[],
            exclude_from_list=True,
            help_text=_("From then on nothing is delivered. Empty: a day after the start"),
        ),
        ZoneField(
            "time_zone",
            label=_("Time zone of these times"),
            exclude_from_list=True,
            help_text=_("Empty: each client's own, so that everybody gets it at the same time of their day"),
        ),
        TimeOfDayField(
            "send_from",
            label=_("Send from"),
            exclude_from_list=True,
            filters=[],
            help_text=_("Daily sending hours in the client's local time; may cross midnight"),
        ),
        TimeOfDayField("send_until", label=_("Send until"), exclude_from_list=True, filters=[]),
        WholeNumberField("rate_limit", label=_("Messages a second, at most"), exclude_from_list=True, min=1, max=limits.RATE),
        WordsField(
            "providers",
            label=_("Providers"),
            orderable=False,
            exclude_from_list=True,
            filters=[],
            help_text=_("Names in the order in which they are tried, commas between them; empty: all, in the default order"),
        ),
        BooleanField(
            "draft",
            label=_("Draft"),
            help_text=_("Nothing is sent until it is started"),
            getter=lambda _request, obj: obj.status == MailingStatus.DRAFT,
            searchable=False,
            orderable=False,
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_export=True,
        ),
        BooleanField(
            "confirmed",
            label=_("Send although some clients get no message"),
            help_text=_("They lack a value that the text needs, or the window never opens where they live"),
            getter=lambda _request, _obj: False,
            searchable=False,
            orderable=False,
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_export=True,
        ),
        OwnerField("owner_id", label=_("Owner")),
        MomentField("start_now_at", label=_("Started by hand"), exclude_from_list=True),
        MomentField("started_at", label=_("First run"), exclude_from_list=True),
        MomentField("next_run_at", label=_("Next step"), exclude_from_list=True),
        MomentField("created_at", label=_("Created"), exclude_from_list=True),
    )
    form_layout = (
        "name",
        "text",
        ("filter_operator_codes", "filter_tags"),
        ("starts_at", "ends_at", "time_zone"),
        ("send_from", "send_until", "rate_limit"),
        "providers",
        ("draft", "confirmed", "owner_id"),
    )
    sortable_fields = ("id", "name", "status", "starts_at", "ends_at", "owner_id", "created_at")
    searchable_fields = ("id", "name", "status", "text", "time_zone", "rate_limit", "owner_id", "created_at")
    row_actions = (
        *("view", "edit", "schedule", "send_now", "pause", "resume", "test", "duplicate", "retry_failed"),
        *("cancel", "delete", "delete_unknown"),
    )

    # Reading

    async def find_all(self, request: Request, *args: Any, **more: Any) -> Sequence[Any]:
        """Mailings, with their counts put aside for the column that shows them."""
        found = await super().find_all(request, *args, **more)
        with autocommit(engine()) as connection:
            request.state.mailing_counts = message_counts.of_mailings(connection, found)
        return found

    def mine(self, request: Request, statement: AnySelect) -> AnySelect:
        """Without those that are being deleted."""
        return super().mine(request, statement).where(Mailing.deleting_since.is_(None))

    def get_search_query(self, request: Request, term: str) -> Any:
        """By a part of the name or of the text."""
        return Mailing.name.icontains(term, autoescape=True) | Mailing.text.icontains(term, autoescape=True)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Only what the mailing's state allows is offered; the service decides all the same."""
        if name == "retry_failed" and obj.final_counts is not None and not obj.final_counts["failed"]:
            return False
        if name == "delete_unknown" and not (obj.status in _ALLOWED[name] and _has_unknown(obj.id)):
            return False
        return obj.status in _ALLOWED.get(name, tuple(MailingStatus))

    def data_of(self, request: Request, mailing_id: int) -> dict[str, Any]:
        """Where a mailing stands."""
        return mailing_data(request, mailing_id)

    def preview_of(self, request: Request, mailing_id: int) -> dict[str, Any] | None:
        """Whom it would reach, what the first of them would read, and what the text lacks; only until it has started."""
        record = mailings.get(engine(), principal_of(request), mailing_id)
        if record.status not in (MailingStatus.DRAFT, MailingStatus.SCHEDULED):
            return {"matches": gettext("What was written:"), "text": record.text, "note": "", "warnings": [], "size": ""}
        found = previews.preview(engine(), principal_of(request), mailing_id)
        matches = count_of(found.clients, "Matches %(n)s client now.", "Matches %(n)s clients now.")
        if found.do_not_contact:
            matches += " " + count_of(
                found.do_not_contact, "%(n)s of them is not to be contacted.", "%(n)s of them are not to be contacted."
            )
        blocked = [BlockedZone(zone.time_zone, zone.clients, zone.obstacle) for zone in found.zones if zone.obstacle]
        if blocked:
            matches += " " + blocked_zones(blocked)
        text, note = (record.text, "") if found.sample is None else _sample_text(found.sample)
        return {
            "matches": matches,
            "text": text,
            "note": note,
            "warnings": _text_warnings(found.text),
            "size": size_of(found.text.longest),
        }

    # Writing

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        """A mailing, put aside for what its form says of the fields."""
        found = await super().find_by_pk(request, pk)
        request.state.edited = found
        return found

    def get_fields_list(
        self, request: Request, *, include_nested: bool = False, action: RequestAction | None = None
    ) -> Sequence[BaseField]:
        """The fields; those of an edit form say what is true of a mailing in this state."""
        fields = super().get_fields_list(request, include_nested=include_nested, action=action)
        edited = getattr(request.state, "edited", None)
        if edited is None or (action or request.state.action) != RequestAction.EDIT:
            return fields
        return [replace(field, help_text=_hint(field, edited)) for field in fields]

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Writes a mailing."""
        with shown_in_form(request, _NAMES):
            new = NewMailing(**{**_values(data), "name": data["name"] or None}, owner_id=data.get("owner_id"))
            return mailings.create(engine(), principal_of(request), new, confirmed=_accepts(data))

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Changes what differs, if the mailing's state allows it."""
        values = _values(data) | ({"owner_id": data["owner_id"]} if data.get("owner_id") else {})
        expected = await self.expected(request)
        with shown_in_form(request, _NAMES):
            return mailings.edit(engine(), principal_of(request), int(pk), values, confirmed=_accepts(data), expected=expected)

    def version_of(self, request: Request, row_id: int) -> str:
        """The version of a mailing."""
        return mailings.version_of(mailings.get(engine(), principal_of(request), row_id))

    def remove(self, principal: Principal, row_id: int) -> None:
        """Deletes a mailing with its messages."""
        mailings.delete(engine(), principal, row_id)

    def dependents(self, request: Request, ids: list[int]) -> str:
        """Their messages."""
        return dependents.of_mailings(principal_of(request), ids)

    # Its life

    @link_row_action(
        name="schedule", text=_("Schedule"), icon_class="fa-solid fa-calendar-check", action_btn_class="btn btn-primary"
    )
    def schedule_action(self, request: Request, pk: Any) -> str:
        """To the review of a draft, to be sent at its times."""
        return str(request.url_for("admin:review").include_query_params(pk=pk, when="scheduled"))

    @link_row_action(name="send_now", text=_("Send now"), icon_class="fa-solid fa-play")
    def send_now_action(self, request: Request, pk: Any) -> str:
        """To the review of a mailing, to be sent at once."""
        return str(request.url_for("admin:review").include_query_params(pk=pk, when="now"))

    @row_action(name="duplicate", text=_("Duplicate"), icon_class="fa-solid fa-copy", exclude_from_list=True)
    async def duplicate_action(self, request: Request, pk: Any) -> Response:
        """Writes a draft like this mailing, and goes to its form."""
        with shown_as_alert():
            made = mailings.duplicate(engine(), principal_of(request), int(pk))
        flash(request, gettext("A draft with the same text and selection: check its name and its times."), "success")
        return JSONResponse({"redirect": str(request.url_for("admin:edit", key=self.key).include_query_params(pk=made.id))})

    @row_action(name="pause", text=_("Pause"), icon_class="fa-solid fa-pause", action_btn_class="btn btn-primary")
    async def pause_action(self, request: Request, pk: Any) -> None:
        """Stops a mailing where it is."""
        _move(request, pk, mailings.pause, gettext("The mailing is paused."))

    @row_action(name="resume", text=_("Resume"), icon_class="fa-solid fa-play", action_btn_class="btn btn-primary")
    async def resume_action(self, request: Request, pk: Any) -> None:
        """Lets a paused mailing continue."""
        _move(request, pk, mailings.resume, gettext("The mailing continues."))

    @row_action(
        name="cancel",
        text=_("Cancel the mailing"),
        icon_class="fa-solid fa-ban",
        confirmation=_("What still waits will not be sent. This cannot be undone."),
        submit_btn_text=_("Cancel the mailing"),
        submit_btn_class="action.modal_confirm_button_delete",
    )
    async def cancel_action(self, request: Request, pk: Any) -> None:
        """Ends a mailing for good."""
        _move(request, pk, mailings.cancel, gettext("The mailing is cancelled."))

    @row_action(
        name="retry_failed",
        text=_("Try failed ones again"),
        icon_class="fa-solid fa-rotate-right",
        exclude_from_list=True,
        confirmation=_("Every failed message that cannot have been delivered is sent again."),
        submit_btn_text=_("Try again"),
    )
    async def retry_action(self, request: Request, pk: Any) -> None:
        """Has failed messages tried again."""
        _move(request, pk, mailings.retry_failed, gettext("Failed messages are being tried again."))

    @row_action(
        name="delete_unknown",
        text=_("Delete with unknown outcomes"),
        icon_class="fa-solid fa-trash",
        exclude_from_list=True,
        confirmation=_(
            "Messages of this mailing that may have been delivered are deleted with it: nothing else records that. "
            "Its final counts stay in the statistics."
        ),
        submit_btn_text=_("Delete"),
        submit_btn_class="action.modal_confirm_button_delete",
    )
    async def delete_unknown_action(self, request: Request, pk: Any) -> None:
        """Deletes a mailing with messages of unknown outcome."""
        with shown_as_alert():
            mailings.delete(engine(), principal_of(request), int(pk), force=True)
        flash(request, gettext("The mailing is deleted."), "success")

    @row_action(
        name="test",
        text=_("Test send"),
        icon_class="fa-solid fa-vial",
        exclude_from_list=True,
        form=_test_form,
        confirmation=_("Sends the text to one phone."),
        submit_btn_text=_("Send"),
    )
    async def test_action(self, request: Request, pk: Any) -> None:
        """Sends the text to one phone."""
        phone = str((await request.form()).get("phone") or "")
        with shown_as_alert():
            sent = previews.send_test(
                engine(), principal_of(request), int(pk), phone, configured(), country=default_country(request)
            )
        if sent.outcome.kind in ACCEPTING:
            flash(request, gettext("The provider took the test message."), "success")
        else:
            why = f"{sent.outcome.kind} {sent.outcome.detail}".strip()
            flash(request, gettext("The provider did not take the test message: %(why)s") % {"why": why}, "error")

    def heading(self, obj: Any) -> str:
        """The name."""
        return str(obj.name)


def _move(request: Request, pk: Any, use_case: Callable[[Engine, Principal, int], MailingRecord], message: str) -> None:
    with shown_as_alert():
        use_case(engine(), principal_of(request), int(pk))
    flash(request, message, "success")


def _has_unknown(mailing_id: int) -> bool:
    with autocommit(engine()) as connection:
        return message_counts.unknown_outcomes(connection, mailing_id) > 0


def _accepts(data: dict[str, Any]) -> bool:
    return bool(data.get("confirmed"))


def _sample_text(sample: Sample) -> tuple[str | None, str]:
    """What one client would read, and a note."""
    if sample.missing is not None:
        note = gettext("Client #%(id)s lacks the attribute %(name)s and would get no message.")
        return None, note % {"id": sample.client, "name": sample.missing}
    if sample.text is None or sample.segments is None:
        note = gettext("Client #%(id)s would get no message: %(why)s.")
        return None, note % {"id": sample.client, "why": error(sample.error or "")}
    note = gettext("As client #%(id)s would read it; %(characters)s.")
    characters = count_of(sample.segments.characters, "%(n)s character", "%(n)s characters")
    return sample.text, note % {"id": sample.client, "characters": characters}


def size_of(found: Segments) -> str:
    """How many SMS a text takes, and why it takes so many."""
    size = count_of(found.segments, "With the longest values %(n)s SMS", "With the longest values %(n)s SMS")
    size += f" ({found.encoding}, {found.units})"
    if found.odd is not None:
        size += " · " + gettext("not in the GSM alphabet: %(character)s") % {"character": f"{found.odd} ({found.odd_name})"}
    return size


def _hint(field: BaseField, edited: Mailing) -> str | None:
    if edited.started_at is not None and field.name in life_cycle.BEFORE_THE_FIRST_RUN:
        return gettext("Fixed since the first run")
    if edited.status == MailingStatus.RUNNING and field.name in life_cycle.UNLESS_RUNNING | life_cycle.BEFORE_THE_FIRST_RUN:
        return gettext("Pause the mailing to change this")
    if field.name in ("name", "starts_at"):
        return gettext("Must not be empty")
    if field.name == "ends_at":
        return gettext("From then on nothing is delivered. Must not be empty")
    return field.help_text


def _text_warnings(found: TextCheck) -> list[str]:
    warnings = []
    if found.failing:
        warnings.append(
            count_of(
                found.failing,
                "%(n)s client would get no message, because a value that the text needs is missing.",
                "%(n)s clients would get no message, because a value that the text needs is missing.",
            )
        )
    for each in found.lacked:
        if each.has_default and not each.unknown:
            continue
        text = gettext("No client has the attribute %(name)s.") if each.unknown else gettext("Without %(name)s: %(clients)s.")
        warning = text % {"name": each.name, "clients": each.clients}
        if each.nearest:
            warning += " " + gettext("Do you mean %(name)s?") % {"name": each.nearest}
        warnings.append(warning)
    if found.lacked and found.known_names:
        warnings.append(gettext("Known attributes: %(names)s.") % {"names": ", ".join(found.known_names)})
    if found.longest_is_too_long:
        warnings.append(gettext("With the longest values the text is too long."))
    return warnings


def _values(data: dict[str, Any]) -> dict[str, Any]:
    same = ("name", "text", "starts_at", "ends_at", "time_zone", "send_from", "send_until", "rate_limit")
    return {
        **{name: data[name] for name in same},
        "name": data["name"] or "",
        "text": data["text"] or "",
        "filter_operator_codes": tuple(data["filter_operator_codes"]),
        "filter_tags": tuple(data["filter_tags"]),
        "providers": tuple(data["providers"]),
        "draft": bool(data["draft"]),
    }
