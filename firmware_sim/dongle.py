"""A dongle that is plugged into a meter and gives its newest telegram to whoever asks over HTTP.

Spec: HomeWizard local API v1, /api/v1/telegram.
"""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = "/api/v1/telegram"


class Dongle:
    """To be written to as a terminal is, and read at `path`."""

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError where the address cannot be had."""
        self._newest = b""
        dongle = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                dongle.answer(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads the log of a dongle."""

        self._server = ThreadingHTTPServer((host, port), Answer)
        self.path = f"http://{host}:{self._server.server_port}{PAGE}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        telegram = self._newest
        if asked.path != PAGE:
            asked.send_error(HTTPStatus.NOT_FOUND)
        elif not telegram:
            asked.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            asked.send_response(HTTPStatus.OK)
            asked.send_header("Content-Type", "text/plain")
            asked.send_header("Content-Length", str(len(telegram)))
            asked.end_headers()
            asked.wfile.write(telegram)

    def write(self, data: bytes) -> int:
        """The meter has sent a telegram."""
        self._newest = data
        return len(data)

    def read(self) -> bytes:
        """Nobody can ask the meter through a dongle."""
        return b""

    def unread(self) -> int:
        return 0

    def forget(self) -> None:
        """The newest telegram is kept, however old."""

    def unplug(self) -> None:
        self._newest = b""

    def plug_in(self) -> None:
        """Back, and the meter's next telegram will tell."""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
