"""AWS End User Messaging SMS (`sms-voice`). It has no idempotency key, and boto3 must not repeat a call by itself.

boto3 writes, signs and reads; the call goes over our own transport, which bounds its time and what is read of the answer.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.observability import log_exception
from chalicelib.providers.base import Account, AccountError, Connections, Outgoing
from chalicelib.providers.calls import Answer, Rule, message_key, reference
from chalicelib.providers.transport import NoAnswerError, Session, SocketAdapter, retry_after

RULES: Final = {
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": Rule(OutcomeKind.OPTED_OUT, "the recipient has opted out"),
    "DESTINATION_COUNTRY_BLOCKED": Rule(OutcomeKind.REFUSED, "the recipient's country is blocked"),
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": Rule(OutcomeKind.REFUSED, "the recipient's country is blocked"),
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": Rule(OutcomeKind.REFUSED, "the recipient is blocked"),
    "PRICE_OVER_THRESHOLD": Rule(OutcomeKind.REFUSED, "the message would cost more than is allowed"),
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": Rule(OutcomeKind.MISCONFIGURED, "a sandbox account sends to verified numbers only"),
    "COUNTRY_NOT_ENABLED": Rule(OutcomeKind.MISCONFIGURED, "the recipient's country is not enabled"),
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": Rule(OutcomeKind.MISCONFIGURED, "the sender cannot send abroad"),
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": Rule(OutcomeKind.MISCONFIGURED, "the sender cannot send to this country"),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": Rule(OutcomeKind.MISCONFIGURED, "the month's spending limit is reached"),
    "NO_ORIGINATION_IDENTITIES_FOUND": Rule(OutcomeKind.MISCONFIGURED, "the account has no sender"),
    "RESOURCE_NOT_ACCESSIBLE": Rule(OutcomeKind.MISCONFIGURED, "the sender is not this account's"),
    "RESOURCE_NOT_ACTIVE": Rule(OutcomeKind.MISCONFIGURED, "the sender is not active"),
    "SENDER_ID_NOT_REGISTERED": Rule(OutcomeKind.MISCONFIGURED, "the sender is not registered"),
    "SENDER_ID_NOT_SUPPORTED": Rule(OutcomeKind.MISCONFIGURED, "the country takes no sender names"),
    "SENDER_ID_REQUIRES_REGISTRATION": Rule(OutcomeKind.MISCONFIGURED, "the sender must be registered"),
    "ThrottlingException": Rule(OutcomeKind.THROTTLED, "too many requests"),
    "AccessDeniedException": Rule(OutcomeKind.MISCONFIGURED, "the function's role or the account may not send"),
    "ExpiredTokenException": Rule(OutcomeKind.MISCONFIGURED, "the credentials have expired"),
    "InvalidSignatureException": Rule(OutcomeKind.MISCONFIGURED, "the credentials are wrong"),
    "ResourceNotFoundException": Rule(OutcomeKind.MISCONFIGURED, "the sender does not exist"),
    "ServiceQuotaExceededException": Rule(OutcomeKind.MISCONFIGURED, "a quota of the account is reached"),
    "UnrecognizedClientException": Rule(OutcomeKind.MISCONFIGURED, "the credentials are wrong"),
}
"""Reasons and, where none is listed, names of errors, in an answer below 500."""
FIELDS: Final = {
    "DestinationPhoneNumber": Rule(OutcomeKind.REFUSED, "the recipient's number is invalid"),
    "MessageBody": Rule(OutcomeKind.REFUSED, "the text is invalid"),
    "OriginationIdentity": Rule(OutcomeKind.MISCONFIGURED, "the sender is invalid"),
}
"""The same for the field that a ValidationException names."""
_EVENT: Final = "before-send.pinpoint-sms-voice-v2.SendTextMessage"
_SHORTEST_TTL, _LONGEST_TTL = 5, 259_200
_CODE: Final = re.compile(r"[A-Za-z_]{1,64}")


class AwsSms:
    """Accepted is an answer with a `MessageId`.

    The credentials are the function's role; the sender is an origination identity (number, sender id, pool; id or ARN), or nothing
    for the account's only one. Without an address, the endpoint is that of the function's region.
    """

    def __init__(self, account: Account, connections: Connections) -> None:
        import boto3  # only where it is the provider
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        try:
            self._client = boto3.client(
                "pinpoint-sms-voice-v2",
                endpoint_url=account.url or None,
                config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
            )
        except (BotoCoreError, ValueError) as error:
            raise AccountError(f"boto3 cannot call AWS End User Messaging SMS: {type(error).__name__}") from None
        parts = urlsplit(self._client.meta.endpoint_url)
        url = f"{parts.scheme}://{parts.netloc}"
        self._session = Session(url, {}, SocketAdapter(url, connections))
        self._client.meta.events.register(_EVENT, self._call)
        self._sender = account.sender

    def send(self, message: Outgoing) -> Outcome:
        """See Provider."""
        from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

        try:
            answer = self._client.send_text_message(**self._parameters(message))
        except NoAnswerError as error:
            return error.outcome
        except ClientError as error:
            return classify(error.response)
        except NoCredentialsError:
            return Outcome(OutcomeKind.MISCONFIGURED, "no AWS credentials")
        except ParamValidationError:
            return Outcome(OutcomeKind.UNEXPECTED_REFUSAL, "boto3 does not take the parameters")
        except Exception as error:  # noqa: BLE001 - one odd answer is the trouble of one message
            log_exception("provider_call_failed", message_id=message.id)
            return Outcome(OutcomeKind.UNKNOWN, type(error).__name__)
        sent = reference(answer.get("MessageId"))
        if sent is None:
            return Outcome(OutcomeKind.UNKNOWN, "an answer without MessageId")
        return Outcome(OutcomeKind.ACCEPTED, reference=sent)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def _parameters(self, message: Outgoing) -> dict[str, Any]:
        found: dict[str, Any] = {
            "DestinationPhoneNumber": message.phone,
            "MessageBody": message.text,
            "Context": {"message": message_key(message)},
        }
        if sender := message.sender or self._sender:
            found["OriginationIdentity"] = sender
        if message.ttl_seconds is not None:
            found["TimeToLive"] = min(max(message.ttl_seconds, _SHORTEST_TTL), _LONGEST_TTL)
        return found

    def _call(self, request: Any, **_: Any) -> Any:
        """Send botocore's request over our transport: the handler of its event `before-send`."""
        from botocore.awsrequest import AWSResponse, HeadersDict

        heads: Any = HeadersDict
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() not in _OURS}
        answer = self._session.call(urlsplit(request.url).path, request.body, headers)
        return AWSResponse(request.url, answer.status_code, heads(answer.headers), _Body(answer.content))


_OURS: Final = frozenset({"host", "content-length"})
"""Headers that the transport writes."""


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


def classify(response: Mapping[str, Any]) -> Outcome:
    """Return the outcome of an error, as botocore parsed it."""
    metadata = response.get("ResponseMetadata", {})
    answer = Answer(
        metadata.get("HTTPStatusCode", 0),
        retry_after=retry_after(_headers(metadata), datetime.now(UTC)),
    )
    reason, name = response.get("Reason"), response.get("Error", {}).get("Code")
    if answer.status < 500:
        fields = response.get("Fields") or []
        for rules, code in [(RULES, reason), *((FIELDS, field.get("Name")) for field in fields), (RULES, name)]:
            if code in rules:
                return answer.outcome(rules[code].kind, code)
    return answer.undocumented(next((code for code in (reason, name) if isinstance(code, str) and _CODE.fullmatch(code)), None))


def _headers(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the header that counts; botocore gives names in lower case."""
    return {"Retry-After": metadata.get("HTTPHeaders", {}).get("retry-after", "")}


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value
