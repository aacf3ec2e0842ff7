"""The table of statuses, what the contract makes of an answer, and the documentation of both."""

from pathlib import Path

import pytest

from chalicelib.domain.http_status import RANGES, STATUSES, StatusRule, rule_of
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers.base import Account, Connections
from chalicelib.providers.calls import Answer
from chalicelib.providers.contract import ContractProvider

OK = {"code": 0, "message": "OK"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "provider.md"
FINAL = {OutcomeKind.REFUSED}
NOT_ACCEPTED = {
    OutcomeKind.REFUSED,
    OutcomeKind.NOT_DELIVERED,
    OutcomeKind.THROTTLED,
    OutcomeKind.MISCONFIGURED,
    OutcomeKind.UNEXPECTED_REFUSAL,
}


def classify(status: int, body: object, retry_after: float | None = None) -> Outcome:
    return ContractProvider(Account("https://provider", "jwt"), Connections(1, 1)).classify(Answer(status, body, retry_after))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (OK, OutcomeKind.ACCEPTED),
        ({"code": 0}, OutcomeKind.ACCEPTED),
        ({"code": 1, "message": "blocked"}, OutcomeKind.REFUSED),
        ({"code": "0"}, OutcomeKind.UNKNOWN),
        ({"code": False}, OutcomeKind.UNKNOWN),
        ({"code": 0.0}, OutcomeKind.UNKNOWN),
        ({}, OutcomeKind.UNKNOWN),
        (None, OutcomeKind.UNKNOWN),
        ([OK], OutcomeKind.UNKNOWN),
    ],
)
def test_the_body_decides_a_200_and_nothing_else(body: object, kind: OutcomeKind) -> None:
    assert classify(200, body).kind is kind
    assert classify(201, body).kind is OutcomeKind.UNKNOWN
    assert classify(400, body).kind is OutcomeKind.REFUSED


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (OutcomeKind.REFUSED, [400, 413, 422]),
        (OutcomeKind.NOT_DELIVERED, [408, 421, 423, 425, 503, 521]),
        (OutcomeKind.THROTTLED, [420, 429]),
        (OutcomeKind.MISCONFIGURED, [301, 302, 307, 308, *range(401, 408), 410, 411, 414, 415, 426, 428, 431, 497, 505, 511]),
        (OutcomeKind.UNEXPECTED_REFUSAL, [409, 412, 416, 418, 424, 451, 452, 444]),
        (
            OutcomeKind.UNKNOWN,
            [-1, 0, 99, 100, 101, 103, 201, 202, 204, 500, 501, 502, 504, 460, 463, 499, 520, 522, 599, 600, 999, 10**6],
        ),
    ],
)
def test_statuses_by_class(kind: OutcomeKind, statuses: list[int]) -> None:
    assert {status: classify(status, OK).kind for status in statuses} == dict.fromkeys(statuses, kind)


def test_every_status_has_a_class_and_a_reason() -> None:
    assert [rule.first for rule in RANGES] == [0, *(rule.last + 1 for rule in RANGES[:-1])], "no gap and no overlap"
    assert len({rule.first for rule in STATUSES}) == len(STATUSES)
    for status in range(1000):
        assert rule_of(status).first <= status <= rule_of(status).last
        assert rule_of(status).reason


def test_what_may_be_sent_again_was_surely_not_accepted() -> None:
    for status in range(1000):
        kind = rule_of(status).kind
        if status // 100 in (1, 2, 6, 7, 8, 9, 0):
            assert kind is OutcomeKind.UNKNOWN, status
        elif status // 100 in (3, 4) and status not in (460, 463, 499):
            assert kind in NOT_ACCEPTED, status


def test_only_listed_statuses_are_final_after_one_call() -> None:
    assert {status for status in range(1000) if rule_of(status).kind in FINAL} == {400, 413, 422}


@pytest.mark.parametrize("status", [429, 503, 408, 409])
def test_retry_after_counts_where_nothing_was_accepted(status: int) -> None:
    assert classify(status, None, 7.0).retry_after == 7.0


@pytest.mark.parametrize("status", [500, 200, 400, 302, 401])
def test_retry_after_counts_nowhere_else(status: int) -> None:
    assert classify(status, None, 7.0).retry_after is None


def test_the_documentation_shows_the_table() -> None:
    expected = ["| status | outcome | reason |", "|---|---|---|", *map(_line, _sorted())]
    text = DOCUMENT.read_text()
    assert "\n".join(expected) in text, "docs/provider.md lacks this table:\n" + "\n".join(expected)


def _sorted() -> list[StatusRule]:
    return sorted([*RANGES, *STATUSES], key=lambda rule: (rule.first, -rule.last))


def _line(rule: StatusRule) -> str:
    name = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    return f"| {name} | `{rule.kind}` | {rule.reason} |"
