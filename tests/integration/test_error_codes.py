"""Every reason for not sending: it has words, one retry and the retry of all agree on it, and nothing that is barred is ever sent."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields

import pytest
from starlette_admin.i18n import set_locale

from chalicelib import config
from chalicelib.admin import translations, words
from chalicelib.admin.russian import MESSAGES
from chalicelib.api.schemas import messages as api_messages
from chalicelib.domain import life_cycle
from chalicelib.domain.errors import ConflictError, ServiceError
from chalicelib.domain.outcome import UNASKED, Outcome, OutcomeKind
from chalicelib.domain.status import ErrorCode, MailingStatus, MessageStatus
from chalicelib.domain.window import Obstacle
from chalicelib.services import clients, do_not_contact, mailings, messages
from chalicelib.services.audit import Event
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.mailings import NewMailing
from tests.world import ACCEPTED, NOW, World

CODES = list(ErrorCode)


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (ErrorCode, words._ERRORS),
        (MessageStatus, words._MESSAGES),
        (set(OutcomeKind) - UNASKED, words._KINDS),
        (Event, words._EVENTS),
        (Obstacle, words._OBSTACLES),
    ],
)
def test_every_code_has_its_words_in_both_languages(codes: Iterator[object], table: dict[object, str]) -> None:
    assert set(codes) <= table.keys()
    assert sorted(english for english in table.values() if english not in MESSAGES) == []


def test_every_error_code_has_its_words_in_the_api() -> None:
    assert set(ErrorCode) == api_messages._WORDS.keys()


def test_a_code_without_words_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that the database has from a newer version."""
    translations.install()
    set_locale("ru")
    for table in (words._ERRORS, words._MESSAGES, words._KINDS, words._EVENTS, words._OBSTACLES):
        for code in list(table):
            monkeypatch.delitem(table, code)  # type: ignore[misc]  # tables of several kinds
    try:
        assert words.error("refused") == "refused"
        assert words.error("of_a_newer_version") == "of_a_newer_version"
        assert dict(words.error_codes()) == {str(code): str(code) for code in ErrorCode}
        assert words.call_kind("accepted") == "accepted"
        assert words.message_status(MessageStatus.SENT) == str(MessageStatus.SENT)
        assert dict(words.audit_events()) == {str(event): str(event) for event in Event}
    finally:
        set_locale("en")


@dataclass(frozen=True)
class Situation:
    """What surrounds failed messages when somebody asks for another try."""

    name: str
    change: Callable[[World, int], object] = lambda _world, _mailing: None


def _listed(world: World, mailing_id: int) -> None:
    phones = [
        row[0] for row in world.sql("SELECT phone FROM message WHERE mailing_id = :id AND phone IS NOT NULL", id=mailing_id)
    ]
    do_not_contact.put(world.engine, world.owner, [NewEntry(phone) for phone in phones])


def _sql(statement: str) -> Callable[[World, int], object]:
    return lambda world, mailing_id: world.sql(statement, **({"id": mailing_id} if ":id" in statement else {}))


def _later(**duration: float) -> Callable[[World, int], object]:
    return lambda world, _mailing_id: world.clock.advance(**duration)


SITUATIONS = [
    Situation("as they are"),
    Situation("on the do-not-contact list", _listed),
    Situation("clients deleted", _sql("DELETE FROM client")),
    Situation("clients deleted and added again", _sql("UPDATE message SET client_id = NULL WHERE mailing_id = :id")),
    Situation("phones cleared", _sql("UPDATE message SET phone = NULL WHERE mailing_id = :id")),
    Situation("end is past", _later(days=1)),
    Situation("end is near", _later(hours=23, minutes=59, seconds=59)),
    Situation("expired", _sql("UPDATE message SET status = 3 WHERE mailing_id = :id")),
    Situation("cancelled", _sql("UPDATE message SET status = 5 WHERE mailing_id = :id")),
    Situation("an earlier call may have been accepted", _sql("UPDATE message SET unknown = true WHERE mailing_id = :id")),
]
ONLY_SINGLY = {"expired"}
"""Expired messages are retried one by one: `retry-failed` is about failed ones."""


def failed(world: World) -> int:
    """A running mailing with a failed message for every code."""
    if not world.sql("SELECT 1 FROM client"):
        world.add_clients(len(CODES))
    mailing_id = world.write().id
    world.run(mailing_id)
    world.aws.chunks.clear()
    for (message_id,), code in zip(
        world.sql("SELECT id FROM message WHERE mailing_id = :id ORDER BY id", id=mailing_id), CODES, strict=True
    ):
        world.sql(
            "UPDATE message SET status = 4, error_code = :code, dispatched_at = NULL, attempts = 1, unknown = :unknown,"
            " phone = CASE WHEN :code = 'duplicate_phone' THEN NULL ELSE phone END WHERE id = :id",
            id=message_id,
            code=str(code),
            unknown=code is ErrorCode.UNKNOWN_OUTCOME,
        )
    return mailing_id


def retried(world: World, mailing_id: int) -> set[str]:
    """Codes of the messages that wait now, by their places."""
    rows = world.sql("SELECT status FROM message WHERE mailing_id = :id ORDER BY id", id=mailing_id)
    return {str(code) for (status,), code in zip(rows, CODES, strict=True) if status == MessageStatus.WAITING}


@pytest.fixture(params=[True, False], ids=["key-honoured", "key-ignored"])
def honours_key(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(
        mailings, "settings", lambda: config.settings().model_copy(update={"provider_honours_key": request.param})
    )
    del world
    return bool(request.param)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name.replace(" ", "-"))
def test_one_retry_and_the_retry_of_all_agree_on_every_code(world: World, honours_key: bool, situation: Situation) -> None:
    one_by_one, at_once = failed(world), failed(world)
    for mailing_id in (one_by_one, at_once):
        world.clock.now = NOW
        situation.change(world, mailing_id)
    for (message_id,) in world.sql("SELECT id FROM message WHERE mailing_id = :id", id=one_by_one):
        try:
            messages.requeue(world.engine, world.owner, message_id, honours_key=honours_key, clock=world.clock)
        except ConflictError:
            continue
    mailings.retry_failed(world.engine, world.owner, at_once, clock=world.clock)
    assert world.mailing(at_once).retrying_since is None, "one slice is enough"
    singly, together = retried(world, one_by_one), retried(world, at_once)
    if situation.name in ONLY_SINGLY:
        assert together == set()
    else:
        assert singly == together
    expected = {str(code) for code in ErrorCode} - {"duplicate_phone"} - (set() if honours_key else {"unknown_outcome"})
    if situation.name == "as they are":
        assert singly == expected


@dataclass(frozen=True)
class Bar:
    """How a client comes to be barred for a reason of ours: the mailing's text, and what happens to the client of id `:client`."""

    statement: str
    text: str = "Hello, ${name}"


_LISTED = "INSERT INTO do_not_contact (owner_id, phone, reason) SELECT owner_id, phone, '' FROM client WHERE id = :client"
_CALLED_FOR_ANOTHER = """
    UPDATE message SET phone = NULL, error_code = 'duplicate_phone' WHERE client_id = :client
"""
BARS: dict[ErrorCode, Bar | None] = {
    ErrorCode.REFUSED: None,
    ErrorCode.UNKNOWN_OUTCOME: None,
    ErrorCode.NOT_DELIVERED: None,
    ErrorCode.REFUSED_FOR_MESSAGE: None,
    ErrorCode.MISCONFIGURED: None,
    ErrorCode.CLIENT_DELETED: Bar("DELETE FROM client WHERE id = :client"),
    ErrorCode.DO_NOT_CONTACT: Bar(_LISTED),
    ErrorCode.MISSING_VALUE: Bar("UPDATE client SET attributes = '{}' WHERE id = :client"),
    ErrorCode.EMPTY_TEXT: Bar("UPDATE client SET attributes = '{}' WHERE id = :client", text="${name|}"),
    ErrorCode.TEXT_TOO_LONG: Bar(
        "UPDATE client SET attributes = jsonb_build_object('name', repeat('x', 500)) WHERE id = :client", text="${name}" * 20
    ),
    ErrorCode.DUPLICATE_PHONE: Bar(_CALLED_FOR_ANOTHER),
    ErrorCode.UNKNOWN_TIME_ZONE: Bar("UPDATE client SET time_zone = 'Nowhere/Else' WHERE id = :client"),
}
"""Of every code: None where the provider gives it, or how the client comes to be barred. A new reason is written here first."""


def _retry_one(world: World, mailing_id: int, client_id: int) -> None:
    own = "SELECT id FROM message WHERE mailing_id = :id AND coalesce(client_id, :client) = :client"
    rows = world.sql(own, id=mailing_id, client=client_id)
    for (message_id,) in rows:
        messages.requeue(world.engine, world.owner, message_id, honours_key=True, clock=world.clock)


def _retry_all(world: World, mailing_id: int, _client_id: int) -> None:
    mailings.retry_failed(world.engine, world.owner, mailing_id, clock=world.clock)


def _add_by_hand(world: World, mailing_id: int, client_id: int) -> None:
    messages.add(world.engine, world.owner, mailing_id, client_id, clock=world.clock)


def test_every_code_says_how_it_bars() -> None:
    assert BARS.keys() == set(ErrorCode)


@pytest.mark.parametrize("door", [_retry_one, _retry_all, _add_by_hand], ids=["retry-one", "retry-all", "by-hand"])
@pytest.mark.parametrize("code", [code for code, bar in BARS.items() if bar])
def test_a_barred_message_is_never_sent_by_retry_or_by_hand(
    world: World, code: ErrorCode, door: Callable[[World, int, int], None]
) -> None:
    """Planned, failed at the provider, then barred: by each door, and then by runs and workers to the end."""
    bar = BARS[code]
    assert bar is not None
    world.add_clients(2, name="Anna")
    mailing_id = world.write(text=bar.text, time_zone=None, confirmed=True).id
    world.run(mailing_id)
    client_id = world.sql("SELECT min(id) FROM client")[0][0]
    world.provider.answer = lambda _id: Outcome(OutcomeKind.REFUSED)
    world.work()
    world.provider.answer = lambda _id: ACCEPTED
    world.sql(bar.statement, **({"client": client_id} if ":client" in bar.statement else {}))
    if code is not ErrorCode.DUPLICATE_PHONE:
        world.sql(
            "UPDATE message SET error_code = :code WHERE client_id IS NOT DISTINCT FROM :client", code=str(code), client=client_id
        )
    world.provider.calls.clear()
    with suppress(ServiceError):  # one way not to send it
        door(world, mailing_id, client_id)
    world.finish(mailing_id)
    [barred] = world.sql("SELECT min(id) FROM message WHERE mailing_id = :id", id=mailing_id)
    assert barred[0] not in world.provider.calls


@pytest.mark.parametrize("code", [code for code, bar in BARS.items() if bar and code is not ErrorCode.DUPLICATE_PHONE])
@pytest.mark.parametrize("planned", [True, False], ids=["barred-after-planning", "barred-before"])
def test_a_barred_client_is_not_sent_to_and_its_message_says_why(world: World, code: ErrorCode, planned: bool) -> None:
    bar = BARS[code]
    assert bar is not None
    world.add_clients(2, name="Anna")
    mailing_id = world.write(text=bar.text, time_zone=None, confirmed=True).id
    client_id = world.sql("SELECT min(id) FROM client")[0][0]
    if planned:
        world.run(mailing_id)
    if planned and code is ErrorCode.CLIENT_DELETED:
        clients.delete(world.engine, world.owner, client_id)
    else:
        world.sql(bar.statement, client=client_id)
    world.finish(mailing_id)
    assert len(world.provider.calls) == (2 if planned and code is ErrorCode.UNKNOWN_TIME_ZONE else 1)
    rows = world.sql("SELECT error_code FROM message WHERE mailing_id = :id AND status = 4", id=mailing_id)
    if code is ErrorCode.UNKNOWN_TIME_ZONE and planned:
        assert rows == []  # a message stays in the zone that it was planned in
    elif code is not ErrorCode.CLIENT_DELETED or planned:
        assert rows == [(str(code),)]


def test_a_barred_client_that_was_added_by_hand_gets_a_row_that_says_so(world: World) -> None:
    """To a mailing that has no message for the client yet."""
    world.add_clients(1)
    world.sql("UPDATE client SET tags = '{other}'")
    mailing_id = world.write(filter_tags=("vip",), confirmed=True).id
    [(client_id, phone)] = world.sql("SELECT id, phone FROM client")
    do_not_contact.put(world.engine, world.owner, [NewEntry(phone)])
    row = messages.add(world.engine, world.owner, mailing_id, client_id, clock=world.clock)
    assert (row.status, row.error_code) == (MessageStatus.FAILED, ErrorCode.DO_NOT_CONTACT)
    world.finish(mailing_id)
    assert world.provider.calls == []


def test_every_field_of_a_mailing_says_in_which_states_it_may_change() -> None:
    """A new field belongs into one of the three sets of domain.life_cycle."""
    sets = (life_cycle.BEFORE_THE_FIRST_RUN, life_cycle.UNLESS_RUNNING, life_cycle.ALWAYS_EDITABLE)
    named = [name for each in sets for name in each]
    assert sorted(named) == sorted(field.name for field in fields(NewMailing))


@pytest.mark.parametrize("field", [field.name for field in fields(NewMailing)])
@pytest.mark.parametrize("status", MailingStatus)
@pytest.mark.parametrize("has_run", [False, True])
def test_a_field_changes_in_the_states_that_its_set_says(field: str, status: MailingStatus, has_run: bool) -> None:
    editable = status in (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.PAUSED)
    allowed = field in life_cycle.ALWAYS_EDITABLE or (editable and not (has_run and field in life_cycle.BEFORE_THE_FIRST_RUN))
    if field == "draft":
        allowed = allowed and status in life_cycle.STARTABLE
    try:
        life_cycle.require_editable(status, has_run=has_run, fields=[field])
    except ConflictError:
        assert not allowed
    else:
        assert allowed
