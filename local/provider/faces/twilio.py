"""Twilio's Messages resource. Its requests carry no id of the caller's: the ledger counts by phone."""

import base64
import binascii
import re
from types import MappingProxyType
from urllib.parse import parse_qs

from chalicelib.domain.segments import segments
from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply, digits


class Twilio(Face):
    name = "twilio"
    path = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Messages\.json")
    usual = MappingProxyType({400: (400, "21211"), 401: (401, "20003"), 429: (429, "20429")})

    def credential(self, request: Incoming) -> str | None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            return base64.b64decode(encoded, validate=True).decode() if scheme == "Basic" else None
        except (binascii.Error, UnicodeDecodeError):
            return None

    def read(self, request: Incoming) -> Message:
        fields = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        try:
            phone = digits(fields.get("To"))
        except ValueError:
            raise RefusedError(self.error(400, "21211")) from None
        if not fields.get("From") and not fields.get("MessagingServiceSid"):
            raise RefusedError(self.error(400, "21603"))
        text = fields.get("Body", "")
        if not text or len(text) > 1600:
            raise RefusedError(self.error(400, "21617" if text else "21602"))
        return Message(phone, phone, text)

    def accepted(self, message: Message) -> Reply:
        sid = f"SM{message.id:032x}"
        content = {
            "sid": sid,
            "status": "queued",
            "to": f"+{message.phone}",
            "body": message.text,
            "num_segments": str(segments(message.text).segments),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "uri": f"/Messages/{sid}.json",
        }
        return Reply(201, content)

    def error(self, status: int, code: str | None) -> Reply:
        number = int(code or 20000 + status)
        content = {"code": number, "message": "as asked for", "more_info": f"https://www.twilio.com/docs/errors/{number}"}
        return Reply(status, content | {"status": status})
