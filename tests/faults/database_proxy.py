"""A few lines of TCP between a worker and PostgreSQL that lose one answer, or one question, at the statement that a test names."""

import select
import socket
import struct
import threading
from contextlib import suppress
from typing import Literal

AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection
READY = b"Z\x00\x00\x00\x05"  # ReadyForQuery, less its last byte


class _Frontend:
    """What a client says, cut into the messages of PostgreSQL's protocol."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._started = False
        self.statement = b""
        self._named: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> bool:
        """True if one of the messages just completed asks the server to execute `statement`."""
        self._buffer += data
        executes = False
        while (message := self._next()) is not None:
            kind, body = message
            if kind == b"P":  # Parse, under a name or under none
                name, statement, _ = body.split(b"\0", 2)
                self._named[name] = statement
            elif kind == b"B":  # Bind: a portal, and the name of the statement
                self.statement = self._named[body.split(b"\0", 2)[1]]
            elif kind == b"Q":
                self.statement = body
            executes = executes or kind in (b"E", b"Q")
        return executes

    def _next(self) -> tuple[bytes, bytes] | None:
        head = 1 if self._started else 0
        if len(self._buffer) < head + 4:
            return None
        length = head + int.from_bytes(self._buffer[head : head + 4], "big")
        if len(self._buffer) < length:
            return None
        message = bytes(self._buffer[:head]), bytes(self._buffer[head + 4 : length])
        del self._buffer[:length]
        self._started = True
        return message


class DatabaseProxy:
    """Passes everything on until `lose` was called; what was lost is counted."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._fault: tuple[bytes, str, str] | None = None
        self.lost = 0
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def lose(self, piece: str, what: Literal["question", "answer"], how: Literal["close", "reset", "silence"] = "close") -> None:
        """Of the next statement with `piece` in it loses the question, or carries it out and loses the answer.

        Then the connection is closed, or reset, or stays open and nothing ever comes.
        """
        self._fault = piece.encode(), what, how

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:  # the server is away
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            thread = threading.Thread(target=self._pass_on, args=(client, server), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        frontend = _Frontend()
        with client, server, suppress(OSError):
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    data = server.recv(65536)
                    if not data:
                        return
                    client.sendall(data)
                if client in readable:
                    data = client.recv(65536)
                    if not data:
                        return
                    if frontend.feed(data) and self._springs(frontend.statement):
                        self._lose(data, client, server)
                        return
                    server.sendall(data)

    def _springs(self, statement: bytes) -> bool:
        return self._fault is not None and self._fault[0].lower() in statement.lower()

    def _lose(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        assert self._fault is not None
        (_, what, how), self._fault = self._fault, None
        if what == "answer":
            server.sendall(data)
            answer = b""
            while answer[-6:-1] != READY:
                answer += server.recv(65536)
        self.lost += 1
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        if how == "silence":
            client.settimeout(20)
            client.recv(1)  # until the client gives up
