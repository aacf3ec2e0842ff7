"""Every kind of provider over real sockets: its requests, its table of answers, and whatever else may come back."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.config import ConfigurationError
from chalicelib.domain.outcome import ACCEPTING, Outcome, OutcomeKind
from chalicelib.providers import KINDS, Outgoing, Provider, aws_sms, infobip, smsc, twilio
from tests import providers
from tests.integration.raw_server import Server, whole
from tests.providers import ACCEPTED, SID, provider_at

MESSAGE = Outgoing(17, "+79101234567", "Привет & ${name}", ttl_seconds=3600)
K = OutcomeKind


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def provider(kind: str, server: Server) -> Iterator[Provider]:
    with provider_at(kind, server.url) as made:
        yield made


def answer(status: int, body: Any, *headers: str) -> bytes:
    return whole(f"{status} As Told", json.dumps(body).encode(), *headers)


def send(server: Server, provider: Provider, raw: bytes, message: Outgoing = MESSAGE) -> Outcome:
    server.answers(raw, ends=True)
    outcome = provider.send(message)
    assert server.answered.wait(10)
    return outcome


def sent(server: Server, kind: str, message: Outgoing = MESSAGE) -> tuple[str, str]:
    """Head and body of the request that such a provider makes of a message."""
    with provider_at(kind, server.url) as provider:
        assert send(server, provider, answer(*ACCEPTED[kind]), message).kind is K.ACCEPTED
    head, _, body = server.requests[-1].decode().partition("\r\n\r\n")
    return head, body


def test_an_acceptance_is_one_and_brings_reference_and_segments(kind: str, server: Server, provider: Provider) -> None:
    outcome = send(server, provider, answer(*ACCEPTED[kind]))
    assert outcome.kind is K.ACCEPTED
    assert outcome.detail == ""
    if kind != "contract":
        assert outcome.reference == str({"aws_sms": "m-1", "twilio": "SM1", "http": 17}.get(kind, "mailing-1"))
        assert outcome.segments == (None if kind == "aws_sms" else 2)


def test_twilio_on_the_wire(server: Server) -> None:
    head, body = sent(server, "twilio")
    assert head.startswith(f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1\r\n")
    assert f"Authorization: Basic {base64.b64encode(f'{SID}:secret'.encode()).decode()}" in head
    fields = {"To": [MESSAGE.phone], "From": ["+15550001111"], "Body": [MESSAGE.text], "ValidityPeriod": ["3600"]}
    assert parse_qs(body) == fields
    _, body = sent(server, "twilio", Outgoing(1, "+79101234567", "x", sender="MG" + "0" * 32))
    assert parse_qs(body) == {"To": [MESSAGE.phone], "MessagingServiceSid": ["MG" + "0" * 32], "Body": ["x"]}


def test_infobip_on_the_wire(server: Server) -> None:
    head, body = sent(server, "infobip")
    assert head.startswith("POST /sms/3/messages HTTP/1.1\r\n")
    assert "Authorization: App key" in head
    assert json.loads(body) == {
        "messages": [
            {
                "sender": "Shop",
                "destinations": [{"to": "79101234567", "messageId": "mailing-17"}],
                "content": {"text": MESSAGE.text},
                "options": {"validityPeriod": {"amount": 60, "timeUnit": "MINUTES"}},
            }
        ]
    }


def test_smsc_on_the_wire(server: Server) -> None:
    head, body = sent(server, "smsc")
    assert head.startswith("POST /sys/send.php HTTP/1.1\r\n")
    assert {name: value for name, [value] in parse_qs(body).items()} == {
        "login": "login",
        "psw": "password",
        "phones": MESSAGE.phone,
        "mes": MESSAGE.text,
        "id": "mailing-17",
        "fmt": "3",
        "charset": "utf-8",
        "sender": "Shop",
        "valid": "01:00",
    }


def test_aws_on_the_wire(server: Server) -> None:
    head, body = sent(server, "aws_sms")
    assert "X-Amz-Target: PinpointSMSVoiceV2.SendTextMessage" in head
    assert "/eu-central-1/sms-voice/aws4_request" in head
    assert json.loads(body) == {
        "DestinationPhoneNumber": MESSAGE.phone,
        "OriginationIdentity": "+15550001111",
        "MessageBody": MESSAGE.text,
        "TimeToLive": 3600,
        "Context": {"message": "mailing-17"},
    }


def test_any_http_api_on_the_wire(server: Server) -> None:
    head, body = sent(server, "http")
    assert head.startswith("POST /messages?id=17 HTTP/1.1\r\n")
    assert "X-Key: key" in head
    assert json.loads(body) == {"key": "17", "id": 17, "to": ["79101234567"], "from": "Shop", "text": MESSAGE.text}
    form = {"method": "GET", "path": "/send?to=${phone}&text=${text}", "form": {}, "http_classes": {"202": "accepted"}}
    with provider_at("http", server.url, provider_options=json.dumps(form)) as made:
        assert send(server, made, answer(202, {})).kind is K.ACCEPTED
        assert send(server, made, answer(200, {})).kind is K.UNKNOWN
    assert server.requests[-1].startswith(b"GET /send?to=%2B79101234567&text=%D0%9F")


OTHER_ANSWERS = [
    *(("twilio", 400, {"code": code, "status": 400}, rule.kind) for code, rule in twilio.RULES.items()),
    ("twilio", 400, {"code": 99999}, K.UNEXPECTED_REFUSAL),
    ("twilio", 429, {}, K.THROTTLED),
    ("twilio", 401, {}, K.MISCONFIGURED),
    ("twilio", 403, {}, K.MISCONFIGURED),
    ("twilio", 404, {}, K.MISCONFIGURED),
    ("twilio", 503, {"code": 21211}, K.UNKNOWN),
    ("twilio", 200, {"sid": "SM1"}, K.UNKNOWN),
    ("twilio", 201, {}, K.UNKNOWN),
    *(("infobip", 200, providers.infobip(5, code), rule.kind) for code, rule in infobip.RULES.items()),
    ("infobip", 200, providers.infobip(5, 999), K.UNEXPECTED_REFUSAL),
    ("infobip", 200, providers.infobip(3, 5), K.ACCEPTED),
    ("infobip", 200, providers.infobip(2, 4), K.UNKNOWN),
    ("infobip", 200, {"messages": []}, K.UNKNOWN),
    ("infobip", 400, {"requestError": {"serviceException": {"messageId": "BAD_REQUEST"}}}, K.UNEXPECTED_REFUSAL),
    ("infobip", 401, {}, K.MISCONFIGURED),
    ("infobip", 403, {}, K.MISCONFIGURED),
    ("infobip", 429, {}, K.THROTTLED),
    ("infobip", 500, providers.infobip(5, 6), K.UNKNOWN),
    *(("smsc", 200, {"error": "x", "error_code": code}, rule.kind) for code, rule in smsc.RULES.items()),
    ("smsc", 200, {"error": "x", "error_code": 99}, K.UNKNOWN),
    ("smsc", 200, {"error": "x", "error_code": 7, "id": 1, "cnt": 1}, K.REFUSED),
    ("smsc", 502, {"error_code": 7}, K.UNKNOWN),
    ("smsc", 200, {"id": 1}, K.UNKNOWN),
    ("smsc", 200, {"id": 1, "cnt": 0}, K.UNKNOWN),
    *(
        ("aws_sms", 400, {"__type": "ConflictException" if code.isupper() else code, "Reason": code}, rule.kind)
        for code, rule in aws_sms.RULES.items()
    ),
    *(
        ("aws_sms", 400, {"__type": "ValidationException", "Reason": "INVALID_PARAMETER", "Fields": [{"Name": name}]}, rule.kind)
        for name, rule in aws_sms.FIELDS.items()
    ),
    ("aws_sms", 400, {"__type": "ValidationException", "Reason": "OTHER"}, K.UNEXPECTED_REFUSAL),
    ("aws_sms", 400, {}, K.UNEXPECTED_REFUSAL),
    ("aws_sms", 500, {"__type": "InternalServerException"}, K.UNKNOWN),
    ("aws_sms", 503, {"__type": "ThrottlingException"}, K.UNKNOWN),
    ("aws_sms", 200, {}, K.UNKNOWN),
    ("http", 200, {"result": {"status": "duplicate"}}, K.ALREADY_ACCEPTED),
    ("http", 200, {"result": {"status": "stop"}}, K.OPTED_OUT),
    ("http", 200, {"result": {"status": "odd"}}, K.UNKNOWN),
    ("http", 200, {}, K.UNKNOWN),
    ("http", 400, {"result": {"status": "queued"}}, K.UNEXPECTED_REFUSAL),
    ("http", 400, {}, K.REFUSED),
    ("http", 422, {}, K.UNEXPECTED_REFUSAL),
    ("http", 429, {}, K.THROTTLED),
    ("http", 503, {}, K.UNKNOWN),
]


@pytest.mark.parametrize(("kind", "status", "body", "means"), OTHER_ANSWERS, indirect=["kind"])
def test_the_answers_of_each_provider(server: Server, provider: Provider, status: int, body: Any, means: OutcomeKind) -> None:
    outcome = send(server, provider, answer(status, body, "Retry-After: 7"))
    assert outcome.kind is means
    again = means in (K.THROTTLED, K.NOT_DELIVERED, K.UNEXPECTED_REFUSAL)
    assert outcome.retry_after == (7.0 if again else None)


def test_one_call_is_one_request_whatever_fails(server: Server, provider: Provider) -> None:
    for raw in (answer(500, {"__type": "InternalServerException"}), answer(503, {}), b""):
        before = len(server.requests)
        assert send(server, provider, raw).kind in (K.UNKNOWN, K.NOT_DELIVERED)
        assert len(server.requests) == before + 1, "no library repeats a call by itself"
    assert send(server, provider, answer(302, {}, "Location: http://127.0.0.1:1/")).kind is K.MISCONFIGURED


def test_nothing_longer_than_64_kilobytes_is_read(kind: str, server: Server, provider: Provider) -> None:
    status, body = ACCEPTED[kind]
    assert send(server, provider, answer(status, body | {"more": "x" * 70_000})).kind is K.UNKNOWN
    assert send(server, provider, answer(status, body | {"more": "x" * 50_000})).kind is K.ACCEPTED


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_call_ends_at_its_deadline(kind: str, server: Server, head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.1)

    with provider_at(kind, server.url, provider_deadline_seconds=0.3) as provider:
        server.answer = drip
        begun = time.monotonic()
        assert provider.send(MESSAGE).kind is K.UNKNOWN
        assert time.monotonic() - begun < 3


def test_nobody_there_is_surely_not_delivered(kind: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with provider_at(kind, f"http://127.0.0.1:{free.getsockname()[1]}") as provider:
            assert provider.send(MESSAGE).kind is K.NOT_DELIVERED


CODES = st.sampled_from([0, 1, 5, 6, 7, 9, 23, 26, 20429, 21211, 21610, "1", "x", "queued", "SM1", True, None, -1, 2**80])
NAMES = st.sampled_from(
    [
        *("code", "sid", "num_segments", "error_code", "id", "cnt", "result", "reference"),
        *("messages", "status", "groupId", "details", "messageCount"),
        *("MessageId", "__type", "Reason", "Fields", "Name", "Error", "Code"),
    ]
)
JSON = st.recursive(
    CODES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
STATUSES = st.sampled_from([200, 201, 202, 204, 301, 400, 401, 404, 409, 429, 500, 503, 599])
BYTES = st.binary(max_size=300)
ANSWERS = (
    st.builds(answer, STATUSES, JSON)
    | st.builds(lambda status, body: whole(f"{status} X", body), STATUSES, BYTES)
    | BYTES.map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest)
    | BYTES
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(raw=ANSWERS)
def test_arbitrary_bytes_raise_nothing_and_pass_for_an_acceptance_only_if_they_are_one(
    kind: str, server: Server, provider: Provider, raw: bytes
) -> None:
    outcome = send(server, provider, raw)
    assert outcome.detail.isascii()
    if outcome.kind in ACCEPTING:
        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 20")
        assert ESSENTIAL[kind] in body
    if raw.startswith((b"HTTP/1.1 500", b"HTTP/1.1 599")):
        assert outcome.kind is K.UNKNOWN


ESSENTIAL = {
    "contract": b'"code": 0',
    "aws_sms": b'"MessageId": ',
    "twilio": b'"sid": ',
    "infobip": b'"groupId": ',
    "smsc": b'"cnt": ',
    "http": b'"status": ',
}
"""What no acceptance can lack."""


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("fax", {}, "PROVIDER_KIND must be one of contract, aws_sms, twilio, infobip, smsc, http"),
        ("contract", {"provider_url": ""}, "PROVIDER_URL is needed for the kind contract"),
        ("infobip", {"provider_url": ""}, "PROVIDER_URL is needed for the kind infobip"),
        ("infobip", {"provider_token": ""}, "PROVIDER_TOKEN must be the API key"),
        ("twilio", {"provider_token": "hunter2"}, "PROVIDER_TOKEN must be AC"),
        ("twilio", {"provider_sender": ""}, "PROVIDER_SENDER must be a number"),
        ("twilio", {"provider_honours_key": True}, "PROVIDER_HONOURS_KEY must be false"),
        ("smsc", {"provider_honours_key": True}, "PROVIDER_HONOURS_KEY must be false"),
        ("aws_sms", {"provider_honours_key": True}, "PROVIDER_HONOURS_KEY must be false"),
        ("smsc", {"provider_token": "login:"}, "PROVIDER_TOKEN must be an API key"),
        ("http", {"provider_options": ""}, "no class says what an accepted message looks like"),
        ("http", {"provider_options": "{"}, "PROVIDER_OPTIONS: Invalid JSON"),
        ("http", {"provider_options": '{"method": "PATCH"}'}, "PROVIDER_OPTIONS: method"),
        (
            "http",
            {"provider_options": '{"json": {"a": ["${phon}"]}}'},
            r"PROVIDER_OPTIONS: json: .*unknown placeholder \$\{phon\}",
        ),
        ("http", {"provider_options": '{"headers": {"X": "${text}"}}'}, r"PROVIDER_OPTIONS: headers.X: .*\$\{text\}"),
        ("http", {"provider_options": '{"http_classes": {"500": "accepted"}}'}, "500 is no success"),
        ("http", {"provider_options": '{"http_classes": {"2xx": "accepted"}}'}, "2xx is no HTTP status"),
        ("http", {"provider_options": '{"classes": {"ok": "accepted"}}'}, "status and classes belong together"),
        ("http", {"provider_options": '{"http_classes": {"200": "sent"}}'}, "PROVIDER_OPTIONS: http_classes.200"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(kind: str, settings: dict[str, Any], says: str) -> None:
    account = providers.ACCOUNTS.get(kind, {})
    with (
        pytest.raises(ConfigurationError, match=says) as raised,
        provider_at(kind, **{"url": settings.pop("provider_url", "https://provider.example"), **account, **settings}),
    ):
        pass
    assert "hunter2" not in str(raised.value)


def test_addresses_that_all_accounts_share_need_not_be_set() -> None:
    for kind in ("aws_sms", "twilio", "smsc"):
        with provider_at(kind, ""):
            pass
