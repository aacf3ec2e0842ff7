"""Use cases of settling: a person asked the provider, or the clients, about messages of unknown outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.settlement import why_not
from chalicelib.domain.status import ErrorCode, MessageStatus, StartSource
from chalicelib.services import history, messages, schedules
from chalicelib.services.history import Change, Kind
from chalicelib.storage import mailings, message_counts, message_edits, settlement
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit
from chalicelib.storage.mailings import RunMailing
from chalicelib.storage.message_reads import MessageRow

ACTION = "settle"


@dataclass(frozen=True, slots=True)
class Settled:
    """What was, or would be, done: how many became sent, how many not delivered, of how many that was known; why others stayed, by id."""

    sent: int
    not_delivered: int
    known: int
    refused: Mapping[int, str]


def settle(
    source: Engine, principal: Principal, message_id: int, *, delivered: bool, clock: Clock = database_clock
) -> MessageRow:
    """Make a message of unknown outcome 2, sent, or 4, `not_delivered`, which may then be tried again.

    Raises NotFoundError, and ConflictError for one that is being called for or whose outcome is known to be another.
    """
    mailing_id = messages.get(source, principal, message_id).mailing
    report = settle_many(source, principal, mailing_id, {message_id: delivered}, apply=True, clock=clock)
    if report.refused:
        raise ConflictError(report.refused[message_id])
    return messages.get(source, principal, message_id)


def settle_many(
    source: Engine,
    principal: Principal,
    mailing_id: int,
    answers: Mapping[int, bool],
    *,
    apply: bool,
    clock: Clock = database_clock,
) -> Settled:
    """Settle messages of one mailing: for each id, whether it was delivered. Without `apply` it only tells what would be done.

    One that the mailing has not, that is being called for, or whose outcome is known to be another stays as it is, with the reason;
    asked twice, the second time changes nothing. All of it is one transaction. Raises NotFoundError for the mailing.
    """
    with source.connect() as connection, connection.begin() as transaction:
        mailing = messages.locked_mailing(connection, principal, mailing_id)
        now = clock(connection)
        settled = settlement.settle(connection, mailing_id, answers, now)
        left = settlement.states(connection, mailing_id, [each for each in answers if each not in settled])
        reasons = {each: why_not(left.get(each), answers[each]) for each in answers if each not in settled}
        waited = MessageStatus.WAITING in settled.values()
        if settled:
            _note(connection, principal, mailing, {each: answers[each] for each in settled})
            message_edits.recount(connection, mailing_id, message_counts.of_messages(connection, mailing_id))
        if waited:  # one of them may have been the last one
            mailings.lower_next_run(connection, mailing_id, now)
        if not apply:
            transaction.rollback()
    if apply and waited:
        schedules.arrange(source, mailing_id, woken_by=StartSource.API, clock=clock)
    sent = sum(answers[each] for each in settled)
    refused = {each: why for each, why in reasons.items() if why}
    return Settled(sent, len(settled) - sent, len(reasons) - len(refused), refused)


def settle_messages(
    source: Engine, principal: Principal, answers: Mapping[int, bool], *, clock: Clock = database_clock
) -> Settled:
    """Settle messages of several mailings, each mailing's in a transaction of its own; those that the asker has not are `refused`."""
    with autocommit(source) as connection:
        found = settlement.mailings_of(connection, principal.owner_filter, list(answers))
    refused = dict.fromkeys(answers.keys() - found.keys(), "no such message")
    of_mailing: dict[int, dict[int, bool]] = {}
    for message_id, mailing_id in found.items():
        of_mailing.setdefault(mailing_id, {})[message_id] = answers[message_id]
    sent = not_delivered = known = 0
    for mailing_id, chosen in of_mailing.items():
        report = settle_many(source, principal, mailing_id, chosen, apply=True, clock=clock)
        sent, not_delivered, known = sent + report.sent, not_delivered + report.not_delivered, known + report.known
        refused.update(report.refused)
    return Settled(sent, not_delivered, known, refused)


def _note(connection: Connection, principal: Principal, mailing: RunMailing, answers: Mapping[int, bool]) -> None:
    """Each message's own history says who settled it; the mailing's how many were."""
    old = str(ErrorCode.UNKNOWN_OUTCOME)
    words = {True: MessageStatus.SENT.key, False: str(ErrorCode.NOT_DELIVERED)}
    each = [
        Change(Kind.MESSAGE, message_id, mailing.owner_id, ACTION, {"outcome": [old, words[delivered]]})
        for message_id, delivered in answers.items()
    ]
    numbers = {word: [None, number] for delivered, word in words.items() if (number := list(answers.values()).count(delivered))}
    history.note(connection, principal, Change(Kind.MAILING, mailing.id, mailing.owner_id, ACTION, numbers), *each)
