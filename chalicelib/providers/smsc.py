"""SMSC.ru's HTTP API. Our id is kept with the message, but a second message with it is sent as well."""

from typing import Final
from urllib.parse import urlencode

from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing
from chalicelib.providers.calls import Answer, HttpCaller, Request, Rule, integer, message_key, reference, value_at

RULES: Final = {
    1: Rule(OutcomeKind.MISCONFIGURED, "a parameter is wrong"),
    2: Rule(OutcomeKind.MISCONFIGURED, "the login or the password is wrong, or the address we call from is not allowed"),
    3: Rule(OutcomeKind.MISCONFIGURED, "the account has no money"),
    4: Rule(OutcomeKind.NOT_DELIVERED, "our address is blocked for a while, after too many errors"),
    5: Rule(OutcomeKind.MISCONFIGURED, "a date is wrong"),
    6: Rule(OutcomeKind.REFUSED, "the text or the sender is forbidden"),
    7: Rule(OutcomeKind.REFUSED, "the recipient's number is invalid"),
    8: Rule(OutcomeKind.REFUSED, "the recipient cannot be reached"),
    9: Rule(OutcomeKind.THROTTLED, "too many requests at once, or the same one twice within a minute"),
}
"""SMSC's `error_code`, in an answer of any status below 500."""
_LONGEST_VALIDITY_MINUTES: Final = 24 * 60


class Smsc(HttpCaller):
    """Accepted is HTTP 200 with the message's `id` and the number of its segments, `cnt`.

    The credential is an API key or `login:password`. Error 9 means that this request was not accepted, and says nothing of an earlier
    one; a message whose fate is unknown is not sent again, because SMSC honours no key.
    """

    def __init__(self, account: Account, connections: Connections) -> None:
        login, colon, password = account.credential.partition(":")
        if not login or (colon and not password):
            raise AccountError("PROVIDER_TOKEN must be an API key of SMSC.ru, or login:password")
        super().__init__(account, connections, {"Content-Type": "application/x-www-form-urlencoded"})
        self._credential = {"login": login, "psw": password} if colon else {"apikey": login}
        self._sender = account.sender

    def request(self, message: Outgoing) -> Request:
        fields = {
            **self._credential,
            "phones": message.phone,
            "mes": message.text,
            "id": message_key(message),
            "fmt": "3",
            "charset": "utf-8",
        }
        if sender := message.sender or self._sender:
            fields["sender"] = sender
        if message.ttl_seconds is not None:
            minutes = min(max(message.ttl_seconds // 60, 1), _LONGEST_VALIDITY_MINUTES)
            fields["valid"] = f"{minutes // 60:02}:{minutes % 60:02}"
        return Request("/sys/send.php", urlencode(fields).encode())

    def classify(self, answer: Answer) -> Outcome:
        code = integer(value_at(answer.body, "error_code"))
        if code is not None:
            if answer.status < 500 and code in RULES:
                return answer.outcome(RULES[code].kind, f"error {code}")
            return answer.undocumented(f"error {code}")
        segments = integer(value_at(answer.body, "cnt"))
        sent = reference(value_at(answer.body, "id"))
        if answer.status == 200 and segments and sent is not None:
            return Outcome(OutcomeKind.ACCEPTED, reference=sent, segments=segments)
        return answer.undocumented()
