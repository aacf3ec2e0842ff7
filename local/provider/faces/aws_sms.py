"""AWS End User Messaging SMS: `SendTextMessage` in AWS's JSON protocol. Signatures are not checked."""

import json
import re
from types import MappingProxyType

from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply, digits, message_id

_REASONS = re.compile("[A-Z_]+")
_TARGET = "PinpointSMSVoiceV2.SendTextMessage"
_ACCESS_KEY = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/")


class AwsSms(Face):
    name = "aws_sms"
    path = re.compile("/")
    usual = MappingProxyType(
        {400: (400, "DESTINATION_COUNTRY_BLOCKED"), 401: (400, "AccessDeniedException"), 429: (400, "ThrottlingException")}
    )

    def credential(self, request: Incoming) -> str | None:
        found = _ACCESS_KEY.match(request.headers.get("authorization", ""))
        return found and found[1]

    def read(self, request: Incoming) -> Message:
        if request.headers.get("x-amz-target") != _TARGET:
            raise RefusedError(self.error(400, "UnknownOperationException"))
        try:
            given = json.loads(request.body)
            phone, text = digits(given["DestinationPhoneNumber"]), given["MessageBody"]
            if type(text) is not str or not text or len(text) > 1600:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise RefusedError(self.error(400, "INVALID_PARAMETER")) from None
        return Message(message_id(given.get("Context", {}).get("message"), phone), phone, text)

    def accepted(self, message: Message) -> Reply:
        return Reply(200, {"MessageId": f"{message.id:032x}"})

    def error(self, status: int, code: str | None) -> Reply:
        if code and _REASONS.fullmatch(code):
            name = "ConflictException" if code.startswith(("DESTINATION_PHONE", "NO_ORIGINATION")) else "ValidationException"
            return Reply(status, {"__type": name, "Message": "as asked for", "Reason": code})
        return Reply(status, {"__type": code or "InternalServerException", "Message": "as asked for"})
