"""Infobip's SMS API, version 3. The message id is ours, and a second message with it is refused as a duplicate."""

import json
from typing import Any, Final

from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing
from chalicelib.providers.calls import Answer, HttpCaller, Request, Rule, integer, message_key, reference, value_at

RULES: Final = {
    6: Rule(OutcomeKind.REFUSED, "REJECTED_NETWORK"),
    8: Rule(OutcomeKind.REFUSED, "REJECTED_PREFIX_MISSING"),
    10: Rule(OutcomeKind.REFUSED, "REJECTED_DND"),
    11: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_SOURCE"),
    12: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_NOT_ENOUGH_CREDITS"),
    13: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_SENDER"),
    14: Rule(OutcomeKind.REFUSED, "REJECTED_DESTINATION"),
    17: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_PREPAID_PACKAGE_EXPIRED"),
    18: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_DESTINATION_NOT_REGISTERED"),
    19: Rule(OutcomeKind.MISCONFIGURED, "REJECTED_ROUTE_NOT_AVAILABLE"),
    20: Rule(OutcomeKind.NOT_DELIVERED, "REJECTED_FLOODING_FILTER: one recipient's limit, not the account's"),
    21: Rule(OutcomeKind.NOT_DELIVERED, "REJECTED_SYSTEM_ERROR"),
    23: Rule(OutcomeKind.ALREADY_ACCEPTED, "REJECTED_DUPLICATE_MESSAGE_ID"),
    24: Rule(OutcomeKind.REFUSED, "REJECTED_INVALID_UDH"),
    25: Rule(OutcomeKind.REFUSED, "REJECTED_MESSAGE_TOO_LONG"),
    51: Rule(OutcomeKind.REFUSED, "MISSING_TO"),
    52: Rule(OutcomeKind.REFUSED, "REJECTED_DESTINATION"),
}
"""Ids of a message's status in the group 5 (REJECTED) of a 200 answer."""
_PENDING, _DELIVERED, _REJECTED = 1, 3, 5
_LONGEST_VALIDITY_MINUTES: Final = 48 * 60


class Infobip(HttpCaller):
    """Accepted is HTTP 200 with a status of the group 1 (PENDING) or 3 (DELIVERED). The address is the account's own."""

    def __init__(self, account: Account, connections: Connections) -> None:
        if not account.credential:
            raise AccountError("PROVIDER_TOKEN must be the API key of the Infobip account")
        headers = {"Authorization": f"App {account.credential}", "Content-Type": "application/json"}
        super().__init__(account, connections, headers)
        self._sender = account.sender

    def request(self, message: Outgoing) -> Request:
        content: dict[str, Any] = {
            "destinations": [{"to": message.phone.removeprefix("+"), "messageId": message_key(message)}],
            "content": {"text": message.text},
        }
        if sender := message.sender or self._sender:
            content["sender"] = sender
        if message.ttl_seconds is not None:
            minutes = min(max(message.ttl_seconds // 60, 1), _LONGEST_VALIDITY_MINUTES)
            content["options"] = {"validityPeriod": {"amount": minutes, "timeUnit": "MINUTES"}}
        return Request("/sms/3/messages", json.dumps({"messages": [content]}).encode())

    def classify(self, answer: Answer) -> Outcome:
        if answer.status != 200:
            return answer.undocumented()
        group = integer(value_at(answer.body, "messages", 0, "status", "groupId"))
        code = integer(value_at(answer.body, "messages", 0, "status", "id"))
        if group in (_PENDING, _DELIVERED):
            return Outcome(
                OutcomeKind.ACCEPTED,
                reference=reference(value_at(answer.body, "messages", 0, "messageId")),
                segments=integer(value_at(answer.body, "messages", 0, "details", "messageCount")) or None,
            )
        if group != _REJECTED:
            return answer.outcome(OutcomeKind.UNKNOWN, code and f"status {code}")
        return answer.outcome(RULES[code].kind if code in RULES else OutcomeKind.UNEXPECTED_REFUSAL, f"status {code}")
