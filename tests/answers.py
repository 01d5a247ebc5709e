"""An HTTP server that answers as it is told to, and remembers what it was asked."""

import threading
import urllib.parse
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.influx import HOST, Answer

TAKEN = Answer(204)


class Question(NamedTuple):
    """What it was asked: `words` are those of the address, and of a form."""

    method: str
    path: str
    words: dict[str, str]
    body: str
    authorization: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "Answers"

    def do_POST(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        question = Question(
            self.command,
            address.path,
            dict(urllib.parse.parse_qsl(address.query)),
            self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(),
            self.headers.get("Authorization", ""),
        )
        self.server.asked.append(question)
        answer = self.server.next(question)
        if answer is None:  # it hangs, until whoever asks has gone
            self.rfile.read(1)
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != TAKEN.status:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_DELETE = do_POST  # noqa: N815 - so the server calls it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Answers(ThreadingHTTPServer):
    """Gives the answers in `to_come`, then what `always` says; None: none, for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.asked: list[Question] = []
        self.to_come: deque[Answer | None] = deque()
        self.always: Callable[[Question], Answer | None] = lambda _: TAKEN
        self.url = f"http://{HOST}:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def next(self, question: Question) -> Answer | None:
        return self.to_come.popleft() if self.to_come else self.always(question)

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that went away is no matter."""
