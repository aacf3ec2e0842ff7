"""Review and send: the page between a mailing that is written and one that is sent."""

from typing import Any

from babel.dates import format_timedelta
from babel.numbers import format_decimal
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.exceptions import ActionFailed
from starlette_admin.flash import flash
from starlette_admin.i18n import get_locale, gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.admin.access import principal_of
from chalicelib.admin.countries import country_name
from chalicelib.admin.errors import shown_as_alert
from chalicelib.admin.fields import count_of, moment, offset, whole
from chalicelib.admin.pages.base import Page
from chalicelib.admin.words import blocked_zones
from chalicelib.domain.errors import ConflictError, NotFoundError
from chalicelib.domain.status import MailingStatus
from chalicelib.services import reviews
from chalicelib.services.reviews import Review, ReviewedZone
from chalicelib.storage.engine import engine


class ReviewPage(Page):
    """One mailing before it is sent: at its times, or now."""

    menu_label = _("Review and send")
    path = "/review"
    route_name = "review"
    add_to_menu = False

    @route("", methods=["GET", "POST"], name="review")
    async def index(self, request: Request) -> Response:
        """What would happen; a POST lets it happen."""
        mailing_id, at_once = whole(request.query_params.get("pk")) or 0, request.query_params.get("when") == "now"
        detail = str(request.url_for("admin:detail", key="mailing").include_query_params(pk=mailing_id))
        problem = ""
        try:
            if request.method == "POST":
                form = await request.form()
                with shown_as_alert():
                    reviews.send(
                        engine(),
                        principal_of(request),
                        mailing_id,
                        at_once=at_once,
                        confirmed=bool(form.get("confirmed")),
                        reviewed=whole(form.get("reviewed")),
                    )
                message = gettext("The mailing has started.") if at_once else gettext("The mailing is scheduled.")
                flash(request, message, "success")
                return RedirectResponse(detail, status_code=303)
        except ActionFailed as refusal:
            problem = refusal.msg
        try:
            found = reviews.review(engine(), principal_of(request), mailing_id, at_once=at_once)
        except NotFoundError:
            raise HTTPException(404) from None
        except ConflictError:
            return RedirectResponse(detail, status_code=303)  # somebody has started it meanwhile
        values = {"review": found, "now": at_once, "problem": problem, "words": _words(found, at_once=at_once)}
        return self.render(request, "admin/review.html", values, 409 if problem else 200)


def _words(found: Review, *, at_once: bool) -> dict[str, Any]:
    people = count_of(found.recipients, "%(n)s client", "%(n)s clients")
    button = "Send now to %(people)s" if at_once else "Schedule for %(people)s"
    return {
        "button": gettext(button) % {"people": people},
        "number": format_decimal(found.recipients, locale=get_locale()),
        "countries": [
            (gettext("Unknown country") if code is None else country_name(code), format_decimal(number, locale=get_locale()))
            for code, number in found.countries.items()
        ],
        "zones": [_zone(zone) for zone in found.zones],
        "samples": [{"title": _sample_title(each.kind), "sample": each} for each in found.samples],
        "night": count_of(
            found.at_night,
            "%(n)s client gets the message at night, between 21:00 and 8:00 on their clock.",
            "%(n)s clients get the message at night, between 21:00 and 8:00 on their clock.",
        )
        if found.at_night
        else "",
        "late": any(zone.runs_out for zone in found.zones),
        "blocked": blocked_zones(found.blocked) if found.blocked else "",
        "duration": "" if found.duration is None else _duration(found),
        "rate": "" if found.rate is None else format_decimal(round(found.rate, 1), locale=get_locale()),
        "scheduled": found.mailing.status == MailingStatus.SCHEDULED,
        "confirm": bool(found.at_night or found.blocked or found.preview.text.failing),
    }


def _duration(found: Review) -> str:
    assert found.duration is not None  # noqa: S101 - the caller looked
    return format_timedelta(found.duration, threshold=1.5, locale=get_locale())


def _zone(zone: ReviewedZone) -> dict[str, Any]:
    return {
        "name": zone.time_zone,
        "clients": format_decimal(zone.clients, locale=get_locale()),
        "local": f"{zone.local:%H:%M}",
        "offset": offset(zone.local),
        "here": moment(zone.opens_at),
        "night": zone.at_night,
        "late": zone.runs_out,
    }


def _sample_title(kind: str) -> str:
    titles = {"shortest": "The shortest text", "longest": "The longest text", "defaults": "A text with defaults"}
    return gettext(titles[kind])
