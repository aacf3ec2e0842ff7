"""An account with each kind of provider, and the answers that each gives, for tests over real sockets."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from chalicelib.config import Settings
from chalicelib.providers import Provider, provider_of

SID: Final = "AC" + "0123456789abcdef" * 2
OPTIONS: Final = {
    "path": "/messages?id=${id}",
    "headers": {"X-Key": "${token}"},
    "json": {"key": "${id}", "id": "${id:number}", "to": ["${digits}"], "from": "${sender}", "text": "${text}"},
    "status": "result.status",
    "reference": "result.reference",
    "segments": "result.parts",
    "classes": {"queued": "accepted", "duplicate": "already_accepted", "blocked": "refused", "stop": "opted_out"},
    "http_classes": {"429": "throttled", "400": "refused"},
}
ACCOUNTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "contract": {"provider_token": "jwt"},
    "aws_sms": {"provider_sender": "+15550001111"},
    "twilio": {"provider_token": f"{SID}:secret", "provider_sender": "+15550001111"},
    "infobip": {"provider_token": "key", "provider_sender": "Shop"},
    "smsc": {"provider_token": "login:password", "provider_sender": "Shop"},
    "http": {"provider_token": "key", "provider_sender": "Shop", "provider_options": json.dumps(OPTIONS)},
}
AWS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def provider_at(kind: str, url: str, **more: Any) -> Iterator[Provider]:
    """A provider of this kind at this address."""
    with mock.patch.dict(os.environ, AWS):
        chosen = Settings(
            database_url="postgresql+pg8000://nobody@localhost/none",
            provider_kind=kind,
            provider_url=url,
            **{"provider_deadline_seconds": 5, "provider_threads": 4, **ACCOUNTS.get(kind, {}), **more},
        )
        yield provider_of(chosen)


def infobip(group: int, status: int) -> dict[str, Any]:
    return {"messages": [{"messageId": "mailing-1", "status": {"groupId": group, "id": status}, "details": {"messageCount": 2}}]}


ACCEPTED: Final[Mapping[str, tuple[int, dict[str, Any]]]] = {
    "contract": (200, {"code": 0, "message": "OK"}),
    "aws_sms": (200, {"MessageId": "m-1"}),
    "twilio": (201, {"sid": "SM1", "status": "queued", "num_segments": "2"}),
    "infobip": (200, infobip(1, 26)),
    "smsc": (200, {"id": "mailing-1", "cnt": 2}),
    "http": (200, {"result": {"status": "queued", "reference": 17, "parts": 2}}),
}
"""HTTP status and body of an acceptance."""
