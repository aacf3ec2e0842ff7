"""The original's mailings: what is over is finished, what is under way is paused, what has not begun is a draft."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain import limits
from chalicelib.domain.characters import canonical
from chalicelib.domain.mailing_defaults import name_from
from chalicelib.domain.personal_text import escape
from chalicelib.domain.status import MailingStatus
from chalicelib.domain.window import SendingTimes
from chalicelib.services.history import Kind
from chalicelib.services.original_import.job import ImportJob
from chalicelib.storage import original, zones
from chalicelib.storage.models import Mailing
from chalicelib.storage.paging import AnyRow

_FURTHEST_BEHIND = timedelta(hours=12)
"""So long after a moment of UTC's clock the last clock on earth has shown it."""


def take(job: ImportJob) -> int:
    """Import mailings, and return how many of them are not over."""
    unfinished = 0
    for page in job.pages("mailing"):
        ids = [row.id for row in page]
        known = original.imported(job.target, "mailing", ids)
        owners = original.imported(job.target, "user", {row.user_id for row in page})
        begun = original.with_messages(job.source, job.options.tables, ids)
        job.report.add("mailing", "there already", len(known))
        made: dict[int, int] = {}
        for row in page:
            if row.id in known:
                continue
            values = _values(job, row, owners.get(row.user_id), has_messages=row.id in begun)
            if values is not None:
                made[row.id] = _add(job, row.id, values)
                unfinished += values["status"] != MailingStatus.FINISHED
        original.remember(job.target, "mailing", made)
    return unfinished


def _add(job: ImportJob, row_id: int, values: dict[str, Any]) -> int:
    (mailing_id,) = original.add_all(job.target, Mailing, [values])
    job.report.add("mailing", f"imported as {values['status']}")
    times = SendingTimes(values["starts_at"], values["ends_at"], values["time_zone"])
    zones.add_missing(job.target, mailing_id, values["owner_id"], times, job.now)
    if values["status"] == MailingStatus.PAUSED:
        job.note("mailing", row_id, f"is under way: our mailing {mailing_id} is paused; resume it to send what waits")
    elif values["status"] == MailingStatus.DRAFT:
        job.note("mailing", row_id, f"has not begun: our mailing {mailing_id} is a draft; start it, or it is not sent")
    job.add_history(Kind.MAILING, mailing_id, values["owner_id"])
    return mailing_id


def _values(job: ImportJob, row: AnyRow, owner: int | None, *, has_messages: bool) -> dict[str, Any] | None:
    starts, ends = (_utc(moment) for moment in (row.date_time_start_sending, row.date_time_end_sending))
    over = ends + _FURTHEST_BEHIND <= job.now.astimezone(UTC).replace(tzinfo=None)
    codes, tags = _words(row.filter_operator_code), list(dict.fromkeys(map(canonical, _words(row.filter_tag))))
    bad = [word for word in codes if not limits.is_code(word)] + [word for word in tags if not limits.is_tag(word)]
    codes, tags = [word for word in codes if word not in bad], [word for word in tags if word not in bad]
    name, message_text = name_from(row.text), escape(row.text)  # the original has no placeholders
    problems = limits.mailing_problems(name, message_text, codes, tags, None)
    why = ""
    if owner is None:
        why = f"its user {row.user_id} is not imported"
    elif not (2000 <= starts.year <= 2999 and 2000 <= ends.year <= 2999):
        why = "its times are not of the years 2000 to 2999"
    elif problems:
        why = "; ".join(f"{each.field}: {each.message}" for each in problems)
    elif bad and not over:
        why = "its filters have words that ours cannot have; without them it would be for more clients"
    elif ends <= starts and not over:
        why = "it ends before it starts"
    if why:
        job.left_out("mailing", row.id, f"{why}; neither are its messages imported")
        return None
    if bad:
        job.note("mailing", row.id, "some words of its filters are not taken over; it is over")
    if ends <= starts:
        job.note("mailing", row.id, "ended before it started: here it ends a second after its start")
        ends = starts + timedelta(seconds=1)
    status = MailingStatus.FINISHED if over else MailingStatus.PAUSED if has_messages else MailingStatus.DRAFT
    return {
        "owner_id": owner,
        "name": name,
        "text": message_text,
        "filter_operator_codes": codes,
        "filter_tags": tags,
        "starts_at": starts,
        "ends_at": ends,
        "time_zone": "UTC",  # the original's moments are instants
        "status": str(status),
        "next_run_at": job.now if status is MailingStatus.PAUSED else None,
        "started_at": None if status is MailingStatus.DRAFT else starts.replace(tzinfo=UTC),
        "finished_at": min(ends.replace(tzinfo=UTC), job.now) if over else None,
    }


def _utc(moment: datetime) -> datetime:
    """The moment as wall time in UTC."""
    return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).replace(microsecond=0)


def _words(value: str) -> list[str]:
    """The original writes `900;901;902`."""
    return list(dict.fromkeys(word for word in (each.strip() for each in value.split(";")) if word))
