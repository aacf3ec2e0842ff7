"""SMSC.ru's HTTP API: everything is 200, and the body says what it is."""

import re
from types import MappingProxyType
from urllib.parse import parse_qs

from chalicelib.domain.segments import segments
from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply, digits, message_id


class Smsc(Face):
    name = "smsc"
    path = re.compile(r"/sys/send\.php")
    usual = MappingProxyType({400: (200, "7"), 401: (200, "2"), 429: (200, "9")})

    def credential(self, request: Incoming) -> str | None:
        fields = _fields(request)
        if "apikey" in fields:
            return fields["apikey"]
        return f"{fields['login']}:{fields['psw']}" if "login" in fields and "psw" in fields else None

    def read(self, request: Incoming) -> Message:
        fields = _fields(request)
        if fields.get("fmt") != "3" or not fields.get("mes") or len(fields.get("id", "")) > 40:
            raise RefusedError(self.error(200, "1"))
        try:
            phone = digits(fields.get("phones"))
        except ValueError:
            raise RefusedError(self.error(200, "7")) from None
        return Message(message_id(fields.get("id"), phone), phone, fields["mes"])

    def accepted(self, message: Message) -> Reply:
        return Reply(200, {"id": f"mailing-{message.id}", "cnt": segments(message.text).segments})

    def error(self, status: int, code: str | None) -> Reply:
        return Reply(status, {"error": "as asked for"} if code is None else {"error": "as asked for", "error_code": int(code)})


def _fields(request: Incoming) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
