"""The first page: how everything is getting on."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from babel.numbers import format_decimal
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin import route
from starlette_admin.exceptions import ActionFailed
from starlette_admin.flash import flash
from starlette_admin.helpers import detail_url
from starlette_admin.i18n import format_date, get_locale, get_timezone, gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.errors import shown_as_alert
from chalicelib.admin.fields import count_of, moment
from chalicelib.admin.pages.base import Page
from chalicelib.admin.progress import stacked
from chalicelib.admin.words import MAILING_COLOURS, mailing_status, message_status
from chalicelib.config import settings
from chalicelib.domain import pace
from chalicelib.domain.status import MessageStatus
from chalicelib.services import demo_clients, progress
from chalicelib.services.progress import Overview
from chalicelib.storage.engine import engine
from chalicelib.storage.mailing_reads import MailingRecord
from chalicelib.storage.progress import ProviderHealth


class Dashboard(Page):
    """Counts, days, running mailings, the provider's health; the page asks for them again every few seconds."""

    menu_label = _("Dashboard")
    icon = "fa-solid fa-gauge"
    path = "/"
    route_name = "index"

    @route("")
    async def index(self, request: Request) -> Response:
        """The page."""
        principal = principal_of(request)
        test_clients = principal.is_superuser and settings().test_clients_enabled
        return self.render(request, "admin/dashboard.html", {"data": _data(request), "test_clients": test_clients})

    @route("/dashboard.json", name="dashboard-data")
    async def data(self, request: Request) -> Response:
        """What the page shows."""
        return JSONResponse(_data(request))

    @route("/test-clients", methods=["POST"], name="test-clients")
    async def test_clients(self, request: Request) -> Response:
        """Makes the test clients, or deletes all clients."""
        form, principal, enabled = await request.form(), principal_of(request), settings().test_clients_enabled
        try:
            with shown_as_alert():
                if form.get("action") == "delete":
                    removed = demo_clients.remove_all(engine(), principal, enabled=enabled)
                    message = count_of(removed.deleted, "%(n)s client was deleted.", "%(n)s clients were deleted.")
                    if removed.remaining:
                        rest = count_of(
                            removed.remaining, "%(n)s more client is being deleted.", "%(n)s more clients are being deleted."
                        )
                        message = f"{message} {rest}"
                else:
                    number = demo_clients.add(engine(), principal, enabled=enabled).created
                    message = count_of(number, "%(n)s test client was made.", "%(n)s test clients were made.")
            flash(request, message, "success")
        except ActionFailed as error:
            flash(request, error.msg, "error")
        return Response(status_code=303, headers={"Location": str(request.url_for("admin:index"))})


def _data(request: Request) -> dict[str, Any]:
    zone = get_timezone()
    found = progress.overview(engine(), principal_of(request), settings().provider_name, zone)
    return {
        "totals": {
            "clients": found.clients,
            "mailings": found.mailings,
            "sent": found.counts[MessageStatus.SENT],
            "errors": found.counts[MessageStatus.FAILED] + found.counts[MessageStatus.EXPIRED],
            "waiting": found.counts[MessageStatus.WAITING],
        },
        "statuses": [{"key": status.key, "title": message_status(status)} for status in MessageStatus],
        "days": [_day(day, counts) for day, counts in found.days.items()],
        "running": [_mailing(request, record) for record in found.running],
        "upcoming": [_mailing(request, record) for record in found.upcoming],
        "providers": [
            _provider(health, found) | {"name": name if len(found.providers) > 1 else ""} for name, health in found.providers
        ],
        "now": moment(found.now),
        "epoch": found.now.timestamp(),
    }


def _day(day: date, counts: Mapping[MessageStatus, int]) -> dict[str, Any]:
    return {
        "day": day.isoformat(),
        "title": format_date(day, "d MMM"),
        "counts": {status.key: number for status, number in counts.items()},
    }


def _mailing(request: Request, record: MailingRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "url": detail_url(request, "mailing", record.id),
        "status": record.status,
        "status_title": mailing_status(record.status),
        "colour": dict(MAILING_COLOURS)[record.status],
        "counts": dict(record.counts),
        "bar": stacked(record.counts),
        "next": moment(record.next_run_at) if record.next_run_at else "",
    }


def _provider(health: ProviderHealth, found: Overview) -> dict[str, Any]:
    if health.opened_at is None:
        return _pace(health, found.now) or {"ok": True, "state": "success", "title": gettext("The provider answers"), "text": ""}
    since, probe = moment(health.opened_at), moment(health.probe_at or found.now)
    text = gettext("Circuit breaker open since %(since)s (%(reason)s); next probe at %(probe)s. No message is lost meanwhile.")
    return {
        "ok": False,
        "state": "danger",
        "title": gettext("The provider fails"),
        "text": text % {"since": since, "reason": health.reason or "?", "probe": probe},
    }


def _pace(health: ProviderHealth, now: datetime) -> dict[str, Any] | None:
    """What a provider that throttles allows; None if nothing limits it."""
    held = health.held_until is not None and health.held_until > now
    rate = None if health.pace is None else pace.rate_at(health.pace, now)
    if not held and (rate is None or rate >= pace.FREE):
        return None
    texts = []
    if held and health.held_until is not None:
        text = gettext("No calls until %(until)s, as it asked for (%(reason)s).")
        texts.append(text % {"until": moment(health.held_until), "reason": health.held_reason or "?"})
    if rate is not None and health.pace is not None:
        text = gettext("Calls a second now: %(rate)s; it last objected at %(ceiling)s.")
        texts.append(text % {"rate": _rounded(rate), "ceiling": _rounded(health.pace.ceiling)})
    texts.append(gettext("Messages wait and spend no attempts."))
    return {"ok": False, "state": "warning", "title": gettext("The provider limits the number of calls"), "text": " ".join(texts)}


def _rounded(rate: float) -> str:
    return format_decimal(round(rate, 2 if rate < 1 else 1), locale=get_locale())
