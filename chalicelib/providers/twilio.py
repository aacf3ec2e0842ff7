"""Twilio's Messages resource (API 2010-04-01). It has no idempotency key: a request made twice is sent twice."""

import base64
import re
from typing import Final
from urllib.parse import urlencode

from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing
from chalicelib.providers.calls import Answer, HttpCaller, Request, Rule, integer, reference, value_at

RULES: Final = {
    20003: Rule(OutcomeKind.MISCONFIGURED, "authentication failed"),
    20429: Rule(OutcomeKind.THROTTLED, "too many requests"),
    21211: Rule(OutcomeKind.REFUSED, "the recipient's number is invalid"),
    21212: Rule(OutcomeKind.MISCONFIGURED, "the sender is invalid"),
    21265: Rule(OutcomeKind.REFUSED, "the recipient is a short code"),
    21266: Rule(OutcomeKind.REFUSED, "the recipient is the sender"),
    21408: Rule(OutcomeKind.MISCONFIGURED, "the account may not send to the recipient's country"),
    21603: Rule(OutcomeKind.MISCONFIGURED, "the request names no sender"),
    21606: Rule(OutcomeKind.MISCONFIGURED, "the sender cannot send messages"),
    21608: Rule(OutcomeKind.MISCONFIGURED, "a trial account sends to verified numbers only"),
    21610: Rule(OutcomeKind.OPTED_OUT, "the recipient has opted out"),
    21611: Rule(OutcomeKind.THROTTLED, "the sender's queue is full"),
    21612: Rule(OutcomeKind.REFUSED, "the recipient cannot be reached from this sender"),
    21614: Rule(OutcomeKind.REFUSED, "the recipient's number takes no SMS"),
    21617: Rule(OutcomeKind.REFUSED, "the text is longer than 1,600 characters"),
    21635: Rule(OutcomeKind.REFUSED, "the recipient is a landline"),
    21659: Rule(OutcomeKind.MISCONFIGURED, "the sender is not a number of Twilio's"),
    21660: Rule(OutcomeKind.MISCONFIGURED, "the sender belongs to another account"),
    21701: Rule(OutcomeKind.MISCONFIGURED, "the messaging service does not exist"),
    21703: Rule(OutcomeKind.MISCONFIGURED, "the messaging service has no sender"),
    63038: Rule(OutcomeKind.MISCONFIGURED, "the account's daily limit is reached"),
}
"""Twilio's error codes, in the `code` of a 4xx answer."""
_CREDENTIAL: Final = re.compile(r"(AC[0-9a-fA-F]{32})(?:/(SK[0-9a-fA-F]{32}))?:(\S+)")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_LONGEST_VALIDITY: Final = 36_000


class Twilio(HttpCaller):
    """Accepted is HTTP 201 with the message's `sid`.

    The credential is `account SID:auth token` or `account SID/key SID:key secret`; the sender is a number, a name or the SID of a
    messaging service (MG…).
    """

    def __init__(self, account: Account, connections: Connections) -> None:
        credential = _CREDENTIAL.fullmatch(account.credential)
        if credential is None:
            raise AccountError("PROVIDER_TOKEN must be AC…:auth token or AC…/SK…:key secret, as Twilio's console shows them")
        if not account.sender:
            raise AccountError(
                "PROVIDER_SENDER must be a number of the Twilio account, a sender name or a messaging service (MG…)"
            )
        sid, key, secret = credential.groups()
        basic = base64.b64encode(f"{key or sid}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        super().__init__(account, connections, headers)
        self._path = f"/2010-04-01/Accounts/{sid}/Messages.json"
        self._sender = account.sender

    def request(self, message: Outgoing) -> Request:
        sender = message.sender or self._sender
        fields = {
            "To": message.phone,
            "MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender,
            "Body": message.text,
        }
        if message.ttl_seconds is not None:
            fields["ValidityPeriod"] = str(min(max(message.ttl_seconds, 1), _LONGEST_VALIDITY))
        return Request(self._path, urlencode(fields).encode())

    def classify(self, answer: Answer) -> Outcome:
        sid = reference(value_at(answer.body, "sid"))
        if answer.status == 201 and sid is not None:
            segments = integer(value_at(answer.body, "num_segments"))
            return Outcome(OutcomeKind.ACCEPTED, reference=sid, segments=segments or None)
        code = integer(value_at(answer.body, "code"))
        if 400 <= answer.status < 500 and code in RULES:
            return answer.outcome(RULES[code].kind, f"code {code}")
        return answer.undocumented(code and f"code {code}")
