"""The local provider's faces, with the providers' official SDKs as oracles: what the SDKs send is taken, what it answers they understand.

The adapters call the same faces, so that a request of theirs that the provider would not take fails here.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from infobip_api_client.api.sms_api import SmsApi
from infobip_api_client.api_client import ApiClient
from infobip_api_client.configuration import Configuration
from infobip_api_client.exceptions import ApiException
from infobip_api_client.models.sms_request import SmsRequest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from chalicelib.domain.outcome import OutcomeKind
from chalicelib.providers import KINDS, Outgoing
from local.ledger import ProviderClient
from local.process import free_port
from local.services import ProviderService
from tests.providers import ACCOUNTS, SID, provider_at

PHONE, TEXT = "+79101234567", "Привет & ${name}"
K = OutcomeKind
FACES = sorted(set(KINDS) - {"http"})
CREDENTIALS = {kind: account.get("provider_token", "test") for kind, account in ACCOUNTS.items()}


@pytest.fixture(scope="module")
def service() -> Iterator[ProviderService]:
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as folder:
        made = ProviderService(Path(folder), free_port())
        made.start()
        yield made
        made.stop()


@pytest.fixture
def local(service: ProviderService) -> Iterator[ProviderClient]:
    made = ProviderClient(service.url)
    made.reset()
    yield made
    made.close()


def fails(local: ProviderClient, **fault: Any) -> None:
    local.configure(faults=[{"kind": "status", **fault}])


def twilio(url: str, auth: str = "secret") -> Any:
    made: Any = Client(SID, auth)
    made.api.base_url = url
    return made


def infobip(url: str, key: str = "key") -> Any:
    return SmsApi(ApiClient(Configuration(host=url, api_key=key)))


def infobip_request() -> Any:
    message = {
        "sender": "Shop",
        "destinations": [{"to": PHONE.removeprefix("+"), "messageId": "mailing-17"}],
        "content": {"text": TEXT},
    }
    return SmsRequest.from_dict({"messages": [message]})


def aws(url: str) -> Any:
    return boto3.client(
        "pinpoint-sms-voice-v2",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_twilios_sdk(service: ProviderService, local: ProviderClient) -> None:
    sent = twilio(service.url).messages.create(to=PHONE, from_="+15550001111", body=TEXT)
    assert (sent.status, sent.to, sent.body, sent.num_segments, sent.error_code) == ("queued", PHONE, TEXT, "1", None)
    assert sent.sid
    [call] = local.history(79101234567)
    assert (call["face"], call["text"], call["delivered"]) == ("twilio", TEXT, True)

    fails(local, status=400, error="21610", faces=["twilio"])
    with pytest.raises(TwilioRestException) as refused:
        twilio(service.url).messages.create(to=PHONE, from_="+15550001111", body=TEXT)
    assert (refused.value.status, refused.value.code) == (400, 21610)
    local.configure(token=CREDENTIALS["twilio"], faults=[])
    with pytest.raises(TwilioRestException) as refused:
        twilio(service.url, "wrong").messages.create(to=PHONE, from_="+15550001111", body=TEXT)
    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert local.summary()["deliveries"] == 1


def test_infobips_sdk(service: ProviderService, local: ProviderClient) -> None:
    api = infobip(service.url)
    [sent] = api.send_sms_messages(infobip_request()).messages
    assert (sent.message_id, sent.destination, sent.status.group_name, sent.details.message_count) == (
        "mailing-17",
        "79101234567",
        "PENDING",
        1,
    )
    [again] = api.send_sms_messages(infobip_request()).messages
    assert (again.status.group_name, again.status.id) == ("REJECTED", 23)
    assert local.deliveries() == {17: 1}

    fails(local, status=429, faces=["infobip"])
    with pytest.raises(ApiException) as refused:
        api.send_sms_messages(infobip_request())
    assert refused.value.status == 429
    local.configure(token="another", faults=[])
    with pytest.raises(ApiException) as refused:
        api.send_sms_messages(infobip_request())
    assert refused.value.status == 401


def test_boto3(service: ProviderService, local: ProviderClient) -> None:
    client = aws(service.url)
    message = {"DestinationPhoneNumber": PHONE, "MessageBody": TEXT, "OriginationIdentity": "+15550001111"}
    assert client.send_text_message(**message, Context={"message": "mailing-17"})["MessageId"]
    assert local.deliveries() == {17: 1}
    for error, name in (
        ("DESTINATION_PHONE_NUMBER_OPTED_OUT", "ConflictException"),
        ("PRICE_OVER_THRESHOLD", "ValidationException"),
        ("ThrottlingException", "ThrottlingException"),
    ):
        fails(local, status=400, error=error, faces=["aws_sms"])
        with pytest.raises(ClientError) as refused:
            client.send_text_message(**message)
        assert isinstance(refused.value, getattr(client.exceptions, name))
        assert refused.value.response.get("Reason", error) == error
    assert local.summary()["deliveries"] == 1


@pytest.mark.parametrize("kind", FACES)
def test_our_adapters(service: ProviderService, local: ProviderClient, kind: str) -> None:
    """The same table for every provider: how it takes, refuses, slows down, fails, and treats a message that it knows."""
    with provider_at(kind, service.url) as provider:

        def send(message_id: int) -> OutcomeKind:
            return provider.send(Outgoing(message_id, f"+7910000{message_id:04}", TEXT)).kind

        assert send(1) is K.ACCEPTED
        for status, means in ((400, K.REFUSED), (401, K.MISCONFIGURED), (429, K.THROTTLED), (500, K.UNKNOWN)):
            fails(local, status=status)
            assert send(status) is means
        fails(local, status=500, accepted=True)
        assert send(2) is K.UNKNOWN
        local.configure(token="another", faults=[])
        assert send(3) is K.MISCONFIGURED
        local.configure(token=CREDENTIALS[kind])
        again = {"contract": K.ACCEPTED, "infobip": K.ALREADY_ACCEPTED}
        assert send(2) is again.get(kind, K.ACCEPTED)
        found = local.summary()
        assert (found["accepted"], found["deliveries"]) == (2, 2 if kind in again else 3)
        assert [call["text"] for call in local.history(2 if kind != "twilio" else 79100000002)] == [TEXT, TEXT]


def test_http_describes_an_api_without_code(service: ProviderService, local: ProviderClient) -> None:
    """The kind http speaks Infobip's API by settings alone."""
    described = """{
      "path": "/sms/3/messages", "headers": {"Authorization": "App ${token}"},
      "json": {"messages": [{"sender": "${sender}", "destinations": [{"to": "${digits}", "messageId": "${id}"}],
               "content": {"text": "${text}"}}]},
      "status": "messages.0.status.id", "reference": "messages.0.messageId", "segments": "messages.0.details.messageCount",
      "classes": {"26": "accepted", "23": "already_accepted", "52": "refused", "10": "opted_out"}}"""
    local.configure(token="key")
    with provider_at("http", service.url, provider_options=described) as provider:
        outcome = provider.send(Outgoing(17, PHONE, TEXT))
        assert (outcome.kind, outcome.reference, outcome.segments) == (K.ACCEPTED, "mailing-17", 1)
        assert provider.send(Outgoing(17, PHONE, TEXT)).kind is K.ALREADY_ACCEPTED
        fails(local, status=200, error="10")
        assert provider.send(Outgoing(18, PHONE, TEXT)).kind is K.OPTED_OUT
        fails(local, status=429)
        assert provider.send(Outgoing(19, PHONE, TEXT)).kind is K.THROTTLED
    assert local.deliveries() == {17: 1}
