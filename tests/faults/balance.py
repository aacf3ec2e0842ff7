"""The balance: what the database says of each message, against what the provider's ledger says was called and delivered."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, text

from chalicelib.domain.http_status import rule_of
from chalicelib.domain.outcome import OutcomeKind
from chalicelib.domain.status import MailingStatus, MessageStatus
from local.provider.ledger import Call

SURELY_NOT_DELIVERED = frozenset(
    f"{kind}{status}"
    for status in range(1000)
    if rule_of(status).kind is not OutcomeKind.UNKNOWN
    for kind in ("", "interim ", "leftover ", "bomb ")
)
"""The ledger's names for answers that leave no doubt; every other one that is not an acceptance does."""

OF_A_CALL = ("HTTP ", "no whole answer")
"""How the reasons begin that a call gave. The others say that a worker ended before it could record one."""

_MESSAGES = text(
    """
    SELECT m.id, m.client_id, m.phone, m.status, m.error_code, m.error_detail, m.unknown, m.attempts, m.claim_no, m.lease_until
    FROM message m WHERE m.mailing_id = :mailing
    """
)
_MAILING = text("SELECT status, next_run_at, final_counts FROM mailing WHERE id = :mailing")
_WITHOUT_ROW = text(
    """
    SELECT c.id FROM mailing g JOIN client c ON c.owner_id = g.owner_id
      AND (cardinality(g.filter_operator_codes) = 0 OR c.operator_code = ANY(g.filter_operator_codes))
      AND (cardinality(g.filter_tags) = 0 OR c.tags && g.filter_tags)
    WHERE g.id = :mailing AND (SELECT count(*) FROM message m WHERE m.mailing_id = g.id AND m.client_id = c.id) <> 1
    """
)


@dataclass
class Balance:
    """Both sides of the account of some mailings; `wrong` is empty when they agree."""

    mailings: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    deliveries: int = 0
    delivered_twice: int = 0
    """Messages, not deliveries."""
    called_again: int = 0
    """Calls beyond the first of a message."""
    delivered_unknown: int = 0
    """Delivered, and in the database `unknown_outcome`: the difference that is allowed, because it says so."""
    parked: int = 0
    """All that are `unknown_outcome`."""
    unseen: int = 0
    """Of these, the ones whose call is said to have been made, and of whose request the provider received nothing."""
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    client_id: int | None
    phone: str
    status: int
    error_code: str | None
    error_detail: str | None
    unknown: bool
    attempts: int
    claim_no: int
    lease_until: object


def read_ledger(folder: Path) -> list[Call]:
    """Every call that the provider in this folder ever wrote down."""
    return [Call(**json.loads(line)) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def balance(engine: Engine, ledger: Iterable[Call], mailing_ids: Iterable[int], *, honours_key: bool, lost: int = 0) -> Balance:
    """Compares both, message by message. `honours_key`: the provider's kind, as the service was told.

    `lost`: requests that may have been in the sockets of a provider that was killed, where it could write nothing down.
    """
    calls: dict[int, list[Call]] = defaultdict(list)
    for call in ledger:
        calls[call.id].append(call)
    found = Balance()
    known: set[int] = set()
    for mailing_id in mailing_ids:
        found.mailings += 1
        rows = _weigh_mailing(engine, mailing_id, found)
        known |= {row.id for row in rows}
        for row in rows:
            _weigh_message(row, calls.get(row.id, []), found, honours_key=honours_key)
        phones = Counter(call.phone for row in rows for call in calls.get(row.id, []) if call.delivered)
        found.expect(max(phones.values(), default=0) <= 1, f"mailing {mailing_id}: a phone got it twice")
    found.expect(found.unseen <= lost, f"{found.unseen} messages are unknown_outcome of a call that never left")
    strangers = calls.keys() - known
    found.expect(not strangers, f"called for ids that are no messages: {sorted(strangers)[:5]}")
    return found


def _weigh_mailing(engine: Engine, mailing_id: int, found: Balance) -> list[_Row]:
    with engine.connect() as connection:
        mailing = connection.execute(_MAILING, {"mailing": mailing_id}).one()
        rows = [_Row(*row) for row in connection.execute(_MESSAGES, {"mailing": mailing_id})]
        missing = [row.id for row in connection.execute(_WITHOUT_ROW, {"mailing": mailing_id})]
    over = mailing.status in (MailingStatus.FINISHED, MailingStatus.CANCELLED) and mailing.next_run_at is None
    found.expect(over, f"mailing {mailing_id} is {mailing.status}, next run {mailing.next_run_at}")
    if mailing.status != MailingStatus.CANCELLED:
        found.expect(not missing, f"mailing {mailing_id}: {len(missing)} clients have not exactly one row, as {missing[:5]}")
    statuses = Counter(MessageStatus(row.status).key for row in rows)
    if over and mailing.final_counts is not None:
        counted = {name: number for name, number in mailing.final_counts.items() if number and name != "total"}
        found.expect(counted == statuses, f"mailing {mailing_id}: final counts {counted}, rows {dict(statuses)}")
    found.statuses += statuses
    return rows


def _weigh_message(row: _Row, calls: list[Call], found: Balance, *, honours_key: bool) -> None:
    name = f"message {row.id} (status {row.status} {row.error_code}, calls {[call.answer for call in calls]})"
    delivered = sum(call.delivered for call in calls)
    parked = row.status == MessageStatus.FAILED and row.error_code == "unknown_outcome"
    found.calls += len(calls)
    found.called_again += max(len(calls) - 1, 0)
    found.deliveries += delivered
    found.delivered_twice += delivered > 1
    found.parked += parked
    found.delivered_unknown += delivered and parked
    found.unseen += parked and not calls and (row.error_detail or "").startswith(OF_A_CALL)
    found.expect(MessageStatus(row.status).final and row.lease_until is None, f"{name} is not final")
    found.expect(delivered <= 1, f"{name} was delivered {delivered} times")
    found.expect(len(calls) <= row.claim_no, f"{name}: {len(calls)} calls under {row.claim_no} claims")
    if row.status == MessageStatus.SENT:
        found.expect(delivered == 1, f"{name} is sent, and was not delivered")
    else:
        found.expect(not delivered or parked, f"{name} was delivered, and does not say that nobody knows")
    if not honours_key:
        doubtful = [call for call in calls[:-1] if call.answer not in SURELY_NOT_DELIVERED]
        found.expect(not doubtful, f"{name} was called again after a call whose fate was unknown")
