"""A TCP proxy before a server: it can be shut, slow, or answer 503 to whatever is asked, in the middle of an upload too."""

import socket
from contextlib import suppress
from threading import Lock, Thread
from typing import Literal

from infra.clock import SystemClock

Mode = Literal["open", "shut", "slow", "503"]

CLOCK = SystemClock()
PIECE_BYTES = 64 * 1024
SLOW_PIECE_SECONDS = 0.1  # 640 KiB/s for each connection
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_REFUSAL = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BUSY), _BUSY)
)


class Proxy:
    """Carries bytes from an address of its own to `target` and back. Changing `mode` breaks what is under way."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._mode: Mode = "open"
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode in ("shut", "503"):
            self._break_connections()

    def close(self) -> None:
        """Stop, and break what is under way."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break_connections()

    def _break_connections(self) -> None:
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self._mode == "shut":
                self.refused += 1
                return
            if self._mode == "503":
                self._refuse(client)
                return
            with socket.create_connection(self._target, timeout=10) as server:
                server.settimeout(None)
                with self._lock:
                    self._open |= {client, server}
                back = Thread(target=self._pump, args=(server, client), name="proxied-back", daemon=True)
                back.start()
                self._pump(client, server)
                back.join()
                with self._lock:
                    self._open -= {client, server}

    def _refuse(self, client: socket.socket) -> None:
        """Read what was asked up to the end of its headers, and have none of it."""
        client.settimeout(5)
        asked = b""
        while b"\r\n\r\n" not in asked and (piece := client.recv(PIECE_BYTES)):
            asked += piece
        self.refused += 1
        client.sendall(_REFUSAL)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                if self._mode == "slow":
                    CLOCK.sleep(SLOW_PIECE_SECONDS)
                sink.sendall(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
