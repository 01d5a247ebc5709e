"""The newest telegram of a dongle in the network, `http://HOST/api/v1/telegram`, once a second.

Spec: HomeWizard local API v1, /api/v1/telegram; any other address that gives the newest telegram
as it came from the meter will do.
"""

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from urllib.parse import urlsplit

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import tcpport

PREFIX = "http://"
TELEGRAM = "/api/v1/telegram"
EXAMPLE = f"{PREFIX}10.0.0.7{TELEGRAM}"
# A meter speaks once a second; dongles want no more than two questions a second.
ASK_S, PAUSE_S_MIN = 1.0, 0.5
ANSWER_S_MAX = 5.0
BODY_BYTES_MAX = 64 * 1024  # eight times what the longest dialect allows
CHUNK_BYTES = 4096
# Wireless networks drop a question now and then; the line is lost when so many are in a row.
UNANSWERED_MAX = 3
SWITCH = "HomeWizard Energy app: Settings, Meters, your meter, switch on Local API"
CABLE = "look at its cable to the meter, and whether the meter gives it power"
NOT_TELEGRAMS = ("text/html", "application/json", "image/")


def refuse(port: str) -> tuple[str, str] | None:
    """What is wrong with such an address, and what to try."""
    parts = urlsplit(port)
    try:
        tcpport.host_of(port)
        is_address = parts.port != 0 and port.isascii() and port.isprintable() and " " not in port
    except ValueError:
        is_address = False
    if not is_address:
        return f"{port!r} is no address", f'port = "{EXAMPLE}"'
    if parts.username is not None or parts.fragment:
        return f"{port!r} says more than host, port and path", f'port = "{EXAMPLE}"'
    if parts.path in {"", "/"}:
        return f"{port!r} names no page", f'port = "{PREFIX}{parts.netloc}{TELEGRAM}"'
    return None


class Unanswered(LineLost):
    """No telegram this time; there may be one the next time."""


class HttpPort:
    """A thread asks; each telegram that is not the last one again is to be read once."""

    def __init__(self, url: str, first: bytes) -> None:
        self._url = url
        self._last = first
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)  # noqa: FBT003 - its only way
        self._why = LineLost("no telegrams any more")
        self._is_closed = threading.Event()
        self._theirs.sendall(first)
        threading.Thread(target=self._ask, name="http", daemon=True).start()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> bytes:
        try:
            chunk = self._ours.recv(tcpport.CHUNK_BYTES)
        except BlockingIOError:
            return b""
        if not chunk:
            raise self._why
        return chunk

    def write(self, data: bytes) -> None:
        del data  # a dongle only passes on what the meter says

    def set_line(self, line: Line) -> None:
        del line

    def close(self) -> None:
        self._is_closed.set()
        self._ours.close()

    def _ask(self) -> None:
        """Ask until closed, or until it makes no sense."""
        unanswered = 0
        due_s = time.monotonic() + ASK_S
        with contextlib.closing(self._theirs), contextlib.suppress(OSError):
            while not self._is_closed.wait(max(PAUSE_S_MIN, due_s - time.monotonic())):
                due_s = time.monotonic() + ASK_S
                try:
                    telegram = ask(self._url)
                    unanswered = 0
                except Unanswered as error:
                    unanswered += 1
                    if unanswered == UNANSWERED_MAX:
                        self._why = error
                        return
                except LineLost as lost:
                    self._why = lost
                    return
                else:
                    if telegram != self._last:
                        self._last = telegram
                        self._theirs.sendall(telegram)


async def open_http(url: str) -> HttpPort:
    """The dongle, once it has given its first telegram. Raises LineLost."""
    return HttpPort(url, await asyncio.to_thread(ask, url))


def ask(url: str) -> bytes:
    """The newest telegram. Raises LineLost where none will come, Unanswered where one may."""
    parts = urlsplit(url)
    until_s = time.monotonic() + ANSWER_S_MAX
    connection = http.client.HTTPConnection(tcpport.host_of(url), parts.port, timeout=ANSWER_S_MAX)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request("GET", path, headers={"Accept": "text/plain", "Connection": "close"})
        answer = connection.getresponse()
        _judge(answer, url)
        body = _body(answer, until_s)
    except OSError as error:
        raise Unanswered(str(tcpport.lost(error))) from error
    except http.client.HTTPException as error:
        raise Unanswered(f"no whole answer: {error!r}") from error
    finally:
        connection.close()
    if not body:
        raise Unanswered("it has no telegram from the meter", CABLE)
    # A telegram in text ends with its last line, whose end not everybody passes on.
    is_open = body.lstrip().startswith(b"/") and not body.endswith(b"\n")
    return body + b"\r\n" if is_open else body


def _judge(answer: http.client.HTTPResponse, url: str) -> None:
    """Raises LineLost, Unanswered where the answer is no telegram."""
    match answer.status:
        case http.client.OK:
            kind = answer.getheader("Content-Type", "")
            if kind.startswith(NOT_TELEGRAMS):
                what = f"what it gives is {kind.partition(';')[0]} and no telegram"
                raise LineLost(what, _telegram_of(url))
        case http.client.UNAUTHORIZED | http.client.FORBIDDEN:
            raise LineLost(f"it lets nobody read (HTTP {answer.status})", SWITCH)
        case http.client.NOT_FOUND:
            raise LineLost("there is no such page (HTTP 404)", _telegram_of(url))
        case http.client.SERVICE_UNAVAILABLE:
            raise Unanswered("it has no telegram from the meter (HTTP 503)", CABLE)
        case status if answer.getheader("Location"):
            what = f"it sends us on to {answer.getheader('Location')} (HTTP {status})"
            raise LineLost(what, "port = the address that gives the telegram itself")
        case status:
            raise Unanswered(f"it answers HTTP {status}")


def _telegram_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.path == TELEGRAM:
        return SWITCH
    return f'port = "{PREFIX}{parts.netloc}{TELEGRAM}"; {SWITCH}'


def _body(answer: http.client.HTTPResponse, until_s: float) -> bytes:
    """All of the answer. Raises Unanswered where that takes too long, LineLost for too much."""
    body = b""
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise LineLost(f"what it gives is longer than {BODY_BYTES_MAX} bytes and no telegram")
        if time.monotonic() > until_s:
            raise Unanswered(f"no whole answer within {ANSWER_S_MAX:.0f} s")
    if answer.length:
        raise Unanswered(f"the answer was cut off, {answer.length} bytes before its end")
    return body
