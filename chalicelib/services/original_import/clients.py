"""The original's clients: phones, operator codes, tags and time zones."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.characters import canonical
from chalicelib.domain.limits import CODE_LENGTH, TAG_LENGTH, is_code, is_tag
from chalicelib.domain.phone import PhoneError, parse_phone
from chalicelib.domain.words import counted
from chalicelib.domain.zones import parse_time_zone
from chalicelib.services.original_import.job import ImportJob, OriginalError
from chalicelib.storage import clients, original
from chalicelib.storage.models import Client
from chalicelib.storage.paging import AnyRow


def take(job: ImportJob) -> None:
    """Import clients; two of one owner with one phone become one."""
    unknown_hours: Counter[int] = Counter()
    for page in job.pages("client"):
        _take_page(job, page, unknown_hours)
    for hours, number in sorted(unknown_hours.items()):
        job.tell(
            f"time_zone {hours}: {counted(number, 'client')} left out, for no time zone is {counted(hours, 'hour')} ahead of UTC:"
            f" name one by --zone {hours}=…"
        )


def _take_page(job: ImportJob, page: list[AnyRow], unknown_hours: Counter[int]) -> None:
    known = original.imported(job.target, "client", [row.id for row in page])
    owners = original.imported(job.target, "user", {row.user_id for row in page})
    job.report.add("client", "there already", len(known))
    read = {}
    for row in page:
        if row.id not in known and (values := _values(job, row, owners.get(row.user_id), unknown_hours)) is not None:
            read[row.id] = values
    there = _clients_there(job, read.values())
    new: dict[tuple[int, str], int] = {}
    for row_id, values in read.items():
        key = (values["owner_id"], values["phone"])
        if key not in there:
            new.setdefault(key, row_id)
    added = original.add_all(job.target, Client, [read[row_id] for row_id in new.values()])
    there |= dict(zip(new, added, strict=True))
    made = {row_id: there[values["owner_id"], values["phone"]] for row_id, values in read.items()}
    for row_id in made.keys() - set(new.values()):
        job.note(
            "client", row_id, f"is our client {made[row_id]}, who has the same phone; its tag and time zone are not taken over"
        )
    job.report.add("client", "imported", len(new))
    job.report.add("client", "the same phone is there", len(made) - len(new))
    original.remember(job.target, "client", made)


def _clients_there(job: ImportJob, read: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], int]:
    """Our clients with these phones, by owner and phone."""
    phones: dict[int, list[str]] = {}
    for values in read:
        phones.setdefault(values["owner_id"], []).append(values["phone"])
    return {
        (owner_id, row.phone): row.id
        for owner_id, owned in phones.items()
        for row in clients.with_phones(job.target, owner_id, owned)
    }


def _values(job: ImportJob, row: AnyRow, owner: int | None, unknown_hours: Counter[int]) -> dict[str, Any] | None:
    zone = zone_of(row.time_zone, job.options.zones)
    try:
        phone = parse_phone(f"+{row.phone_number.strip().removeprefix('+')}")
    except PhoneError as error:
        job.left_out("client", row.id, str(error))
        return None
    code = row.operator_code.strip()
    if owner is None:
        job.left_out("client", row.id, f"its user {row.user_id} is not imported")
    elif zone is None:
        job.report.add("client", "left out")
        unknown_hours[row.time_zone] += 1
    elif not is_code(code):
        job.left_out("client", row.id, f"its operator code is not made of 1 to {CODE_LENGTH} digits")
    else:
        tag = canonical(row.tag)
        tags = [tag] if is_tag(tag) else []
        if tag and not tags:
            why = f"has more than {TAG_LENGTH} characters" if len(tag) > TAG_LENGTH else "has characters that ours cannot have"
            job.note("client", row.id, f"its tag {why} and is not taken over")
        return {"owner_id": owner, "phone": phone, "operator_code": code, "tags": tags, "time_zone": zone}
    return None


def parse_zones(given: Iterable[str]) -> dict[int, str]:
    """Read `3=Europe/Moscow`. Raises OriginalError."""
    found = {}
    for each in given:
        hours, _, name = each.partition("=")
        try:
            found[int(hours)] = parse_time_zone(name)
        except ValueError as error:
            raise OriginalError(f"--zone {each}: {error}; write it like 3=Europe/Moscow") from None
    return found


def zone_of(hours: int, given: Mapping[int, str]) -> str | None:
    """The time zone for the original's hours ahead of UTC; None for hours that no zone has.

    In the names of `Etc/GMT±n` the sign is turned around: `Etc/GMT-3` is three hours ahead of UTC.
    """
    if hours in given:
        return given[hours]
    if not -12 <= hours <= 14:
        return None
    return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"
