"""The contract of the original service's provider."""

import json
import re
from types import MappingProxyType

from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply
from local.provider.faults import Fault


class Contract(Face):
    name = "contract"
    path = re.compile(r"/v1/send/(?P<id>[^/]+)/?")
    deduplicates = True
    usual = MappingProxyType({})

    def credential(self, request: Incoming) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None

    def read(self, request: Incoming) -> Message:
        try:
            message_id = int(request.path.rstrip("/").rpartition("/")[2])
            given = json.loads(request.body)
            phone, text = given["phone"], given["text"]
            if given["id"] != message_id or type(phone) is not int or type(text) is not str:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            content = {"code": 2, "message": 'expected {"id": the one in the path, "phone": int, "text": str}'}
            raise RefusedError(Reply(400, content)) from None
        return Message(message_id, phone, text)

    def accepted(self, message: Message) -> Reply:  # noqa: ARG002 - its answer says nothing of the message
        return Reply(200, {"code": 0, "message": "OK"})

    def unauthorized(self) -> Reply:
        return Reply(401, {"code": 401, "message": "who are you"})

    def error(self, status: int, code: str | None) -> Reply:
        return Reply(status, {"code": int(code or 1), "message": "as asked for"})

    def failure(self, fault: Fault) -> Reply:
        return self.error(fault.status, fault.error or str(fault.code))
