"""What pages ask for while they are looked at: a mailing's progress, whom a selection matches, what a deletion takes with it."""

import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin import route
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed
from starlette_admin.i18n import gettext
from starlette_admin.types import RequestAction

from chalicelib.admin.access import principal_of
from chalicelib.admin.fields import count_of, moment, offset, whole
from chalicelib.admin.pages.base import Page
from chalicelib.admin.progress import stacked
from chalicelib.admin.views.base import ServiceView
from chalicelib.admin.words import MAILING_COLOURS, error, mailing_status, part_title
from chalicelib.domain import limits
from chalicelib.domain.cells import split_words
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ServiceError
from chalicelib.domain.personal_text import is_attribute_name
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import PARTS, UNPLANNED, MailingStatus, MessageStatus
from chalicelib.domain.zones import is_known
from chalicelib.services import progress
from chalicelib.services.progress import Progress, Wave
from chalicelib.storage.engine import engine


class DataPage(Page):
    """No page of its own: JSON for the others."""

    path = "/data"
    route_name = "data"
    add_to_menu = False

    @route("", name="data")
    async def index(self, request: Request) -> Response:
        """Nothing to look at."""
        raise HTTPException(404)

    @route("/mailing/{mailing_id}", name="mailing-data")
    async def mailing(self, request: Request) -> Response:
        """Where a mailing stands."""
        return JSONResponse(mailing_data(request, whole(request.path_params["mailing_id"]) or 0))

    @route("/selection", name="selection-data")
    async def selection(self, request: Request) -> Response:
        """How many clients a selection matches."""
        query = request.query_params
        tags = tuple(canonical(tag) for tag in split_words(query.get("tags", "")))
        chosen = Selection(tuple(split_words(query.get("codes", ""))), tags)
        typed = query.get("names", "").split(",")[: limits.ATTRIBUTES]
        names = {name for name in typed if is_attribute_name(name)}
        try:
            found = progress.matches(engine(), principal_of(request), chosen, whole(query.get("owner")), names)
        except ServiceError:
            return JSONResponse({"text": ""})
        text = count_of(found.clients, "Matches %(n)s client", "Matches %(n)s clients")
        if found.clients:
            text += " " + count_of(found.zones, "in %(n)s time zone", "in %(n)s time zones")
        if found.do_not_contact:
            text += "; " + count_of(found.do_not_contact, "%(n)s is not to be contacted", "%(n)s are not to be contacted")
        values = {name: [each.longest or "", each.longest_odd, each.lacking > 0] for name, each in found.values.items()}
        answer = json.dumps({"text": text, "clients": found.clients, "values": values}).replace("<", "\\u003c")
        return Response(answer, media_type="application/json")

    @route("/dependents", name="dependents-data")
    async def dependents(self, request: Request) -> Response:
        """What goes with the rows that somebody is about to delete."""
        request.state.action = RequestAction.ACTION
        assert self._admin is not None  # noqa: S101 - the library sets it when the page is added
        view = self._admin._find_view_by_key(request.query_params.get("key"))
        if not isinstance(view, ServiceView) or not view.is_accessible(request):
            raise HTTPException(404)
        listed = QueryParams((request.query_params.get("list") or "").lstrip("?"))
        chosen = None if request.query_params.get("all") == "1" else request.query_params.getlist("pks")
        try:
            selection = ActionSelection(view, request, chosen, view._parse_filter_param(request, listed), listed.get("q") or None)
            ids = [number for pk in await selection.pks() if (number := whole(pk)) is not None]
        except ActionFailed as refusal:
            return JSONResponse({"text": refusal.msg})
        rows = count_of(len(ids), "%(n)s row will be deleted.", "%(n)s rows will be deleted.")
        return JSONResponse({"text": f"{rows} {view.dependents(request, ids)}".strip()})


def mailing_data(request: Request, mailing_id: int) -> dict[str, Any]:
    """Where a mailing stands, in words. Raises a 404."""
    try:
        found = progress.of_mailing(engine(), principal_of(request), mailing_id)
    except ServiceError:
        raise HTTPException(404) from None
    record = found.mailing
    return {
        "id": record.id,
        "status": record.status,
        "status_title": mailing_status(record.status),
        "colour": dict(MAILING_COLOURS)[record.status],
        "bar": stacked(record.counts),
        "counts": [
            {
                "key": part,
                "title": part_title(part),
                "number": record.counts[part],
                "url": "" if part == UNPLANNED else _messages(request, mailing_id, f"status__in={MessageStatus[part.upper()]:d}"),
            }
            for part in PARTS
        ],
        "errors": [
            {
                "code": error(code) if code else "",
                "detail": detail,
                "number": number,
                "url": _messages(request, mailing_id, f"status__in={MessageStatus.FAILED:d} AND error_code__in={code}")
                if code
                else "",
            }
            for code, detail, number in found.errors
        ],
        "headline": _headline(found),
        "zones": [
            {
                "zone": zone.time_zone,
                "opens": moment(zone.opens_at),
                "ends": moment(zone.expires_at),
                "waiting": zone.waiting + found.unplanned.get(zone.time_zone, 0),
            }
            for zone in found.zones
        ],
        "epoch": found.now.timestamp(),
        "live": record.status in (MailingStatus.SCHEDULED, MailingStatus.RUNNING, MailingStatus.PAUSED, MailingStatus.CANCELLED)
        and (record.status != MailingStatus.CANCELLED or record.counts["waiting"] > 0),
    }


def _messages(request: Request, mailing_id: int, condition: str) -> str:
    """The list of the mailing's messages that meet a condition."""
    url = request.url_for("admin:list", key="message")
    return str(url.include_query_params(filter=f"mailing_id__eq={mailing_id} AND {condition}"))


def _headline(found: Progress) -> str:
    status = MailingStatus(found.mailing.status)
    if status is MailingStatus.DRAFT:
        return gettext("A draft: nothing is sent until somebody starts it.")
    if status is MailingStatus.FINISHED and found.mailing.finished_at:
        return gettext("Finished at %(at)s.") % {"at": moment(found.mailing.finished_at)}
    if status is MailingStatus.CANCELLED:
        return gettext("Cancelled: nothing more is sent.")
    if found.mailing.retrying_since is not None:
        return gettext("Failed messages are being queued again.")
    if status is MailingStatus.PAUSED:
        return gettext("Paused: nothing is sent until somebody lets it continue. What passes its end meanwhile expires.")
    if found.next_wave is None:
        return gettext("Nobody is left to be sent to.")
    return _wave(found.next_wave, found)


def _wave(wave: Wave, found: Progress) -> str:
    people, place = count_of(wave.clients, "%(n)s client", "%(n)s clients"), _place(wave.time_zones)
    if wave.opens_at <= found.now:
        return gettext("Sending now: %(people)s in %(zone)s.") % {"people": people, "zone": place}
    shown = {"people": people, "zone": place, "at": moment(wave.opens_at)}
    same_clocks = len(wave.time_zones) == 1 or found.mailing.time_zone is None
    if not same_clocks or not is_known(wave.time_zones[0]):
        return gettext("Next: %(people)s in %(zone)s at %(at)s.") % shown
    local = wave.opens_at.astimezone(ZoneInfo(wave.time_zones[0]))
    text = gettext("Next: %(people)s in %(zone)s at %(time)s their time (%(offset)s), which is %(at)s here.")
    return text % {**shown, "time": f"{local:%H:%M}", "offset": offset(local)}


def _place(zones: Sequence[str]) -> str:
    more = len(zones) - 1
    if not more:
        return zones[0]
    return count_of(more, "%(zone)s and %(n)s more time zone", "%(zone)s and %(n)s more time zones", zone=zones[0])
