"""An account with the local provider for each kind of provider (PROVIDER_KIND), as the functions of the local stack use it."""

import json
from dataclasses import dataclass
from typing import Final

SENDER = "+15550001111"
_CONTRACT_BY_SETTINGS = {
    "path": "/v1/send/${id}",
    "headers": {"Authorization": "Bearer ${token}"},
    "json": {"id": "${id:number}", "phone": "${digits:number}", "text": "${text}"},
    "status": "code",
    "classes": {"0": "accepted"},
}
"""The original service's API, in the words of the kind http."""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """What the functions are given; `honours_key`: does the local provider deliver once for one id?"""

    credential: str = ""
    sender: str = ""
    options: str = ""
    honours_key: bool = False


ACCOUNTS: Final = {
    "contract": LocalAccount("local.provider.token", honours_key=True),
    "aws_sms": LocalAccount(sender=SENDER),
    "twilio": LocalAccount("AC" + "0123456789abcdef" * 2 + ":local-token", SENDER),
    "infobip": LocalAccount("local-key", "Local", honours_key=True),
    "smsc": LocalAccount("local:password", "Local"),
    "http": LocalAccount("local.provider.token", "Local", json.dumps(_CONTRACT_BY_SETTINGS), honours_key=True),
}
