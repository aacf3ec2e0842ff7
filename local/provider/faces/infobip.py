"""Infobip's SMS API, version 3."""

import json
import re
from types import MappingProxyType
from typing import Any

from chalicelib.domain.segments import segments
from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply, digits, message_id

_GROUPS = {1: "PENDING", 5: "REJECTED"}
_DUPLICATE = 23


class Infobip(Face):
    name = "infobip"
    path = re.compile(r"/sms/3/messages")
    deduplicates = True
    usual = MappingProxyType({400: (200, "52")})

    def credential(self, request: Incoming) -> str | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key if scheme == "App" and key else None

    def read(self, request: Incoming) -> Message:
        try:
            [message] = json.loads(request.body)["messages"]
            [destination] = message["destinations"]
            phone, text = digits(destination["to"]), message["content"]["text"]
            if type(text) is not str:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise RefusedError(self.error(400, None)) from None
        return Message(message_id(destination.get("messageId"), phone), phone, text)

    def accepted(self, message: Message) -> Reply:
        return self._status(1, 26, message)

    def known(self, message: Message) -> Reply:
        return self._status(5, _DUPLICATE, message)

    def error(self, status: int, code: str | None) -> Reply:
        if status == 200:
            return self._status(5, int(code or 52))
        return Reply(
            status, {"errorCode": code or f"E{status}", "description": "as asked for", "action": "none", "violations": []}
        )

    def _status(self, group: int, status: int, message: Message | None = None) -> Reply:
        given = {
            "groupId": group,
            "groupName": _GROUPS[group],
            "id": status,
            "name": f"STATUS_{status}",
            "description": "as told",
        }
        sent: dict[str, Any] = {"status": given}
        if message is not None:
            sent |= {
                "messageId": f"mailing-{message.id}",
                "destination": str(message.phone),
                "details": {"messageCount": segments(message.text).segments},
            }
        return Reply(200, {"messages": [sent]})
