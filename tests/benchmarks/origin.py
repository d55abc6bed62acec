"""Where recordings are downloaded from: `/SIZE/any-name` answers that many bytes that begin like a video. PORT."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

BEGINNING = b"\0\0\0\x20ftypmp42"
PIECE = BEGINNING + Random(1).randbytes(1024 * 1024 - len(BEGINNING))  # not to be compressed by anybody


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        left = self._begin()
        view = memoryview(PIECE)
        try:
            while left > 0:
                self.wfile.write(view[: min(left, len(PIECE))])
                left -= len(PIECE)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _begin(self) -> int:
        parts = self.path.split("/")
        size = int(parts[1]) if parts[1].isdigit() else 0
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        return size


if __name__ == "__main__":
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
