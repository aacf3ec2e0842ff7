"""A proxy before the AWS endpoint that sends every SQS message twice: at-least-once delivery at its worst."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

SENDING = ("AmazonSQS.SendMessage", "AmazonSQS.SendMessageBatch")


class DoublingProxy:
    def __init__(self, endpoint: str) -> None:
        self._doubled: list[str] = []
        handler = type("Handler", (_Handler,), {"netloc": urlsplit(endpoint).netloc, "doubled": self._doubled})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def doubled(self) -> int:
        """How many calls it has made twice."""
        return len(self._doubled)

    def __enter__(self) -> "DoublingProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    netloc: ClassVar[str]
    doubled: ClassVar[list[str]]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, answer = self._ask(body)
        target = self.headers.get("X-Amz-Target", "")
        if target in SENDING:
            self._ask(body)
            self.doubled.append(target)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - what http.server calls

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def log_message(self, *_: object) -> None:
        pass
