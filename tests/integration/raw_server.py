"""A server that answers requests with bytes of the test's choice, and does to connections what the test wants."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

import trustme

OK = b'{"code": 0, "message": "OK"}'
Answer = Callable[[socket.socket], None]


def whole(status: str, body: bytes = OK, *headers: str) -> bytes:
    """Return an answer as a well-behaved provider writes it."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers])
    return head.encode() + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """End the connection by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def certified(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return what a TLS server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class Server:
    """Answers each request on each connection with `answer`, and keeps what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = lambda connection: connection.sendall(whole("200 OK"))
        self.accept: Answer | None = None
        """What is done to a new connection instead of talking HTTP over it."""
        self.answered = threading.Event()
        self.requests: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def answers(self, raw: bytes, *, ends: bool = False) -> None:
        """Answer each request with these bytes; `ends`: and then end the stream."""

        done = threading.Event()  # of this answer alone: a thread that is late with an earlier one must not set it

        def answer(connection: socket.socket) -> None:
            try:
                connection.sendall(raw)
                if ends:
                    connection.shutdown(socket.SHUT_RDWR)
            finally:
                done.set()

        self.answered, self.answer = done, answer

    def resets_idle(self) -> None:
        """Accept each request, and reset the connection soon after the answer."""

        def answer(connection: socket.socket) -> None:
            connection.sendall(whole("200 OK"))
            time.sleep(0.02)
            reset(connection)

        self.answer = answer

    def close(self) -> None:
        self._socket.close()
        while self._open:
            self._open.pop().close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            if self.accept is not None:
                self.accept(connection)
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            while request := self._read(connection):
                self.requests.append(request)
                self.answer(connection)
        except (OSError, ValueError):  # ValueError: the test closed it meanwhile
            return
        finally:
            connection.close()

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (more := connection.recv(65536)):
                return b""
            request += more
        head, _, body = request.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body
