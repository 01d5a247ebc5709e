"""The newest telegram of a dongle: asked for, told once, and why there is none."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import httpport, ports

TEXT = {"Content-Type": "text/plain"}
FIRST = b"/MKT5\\ONE\r\n\r\n1-0:1.8.0(1*kWh)\r\n!0000\r\n"
SECOND = FIRST.replace(b"ONE", b"TWO")


class Answer(BaseHTTPRequestHandler):
    """Gives what the test put into `answers`, the last of them for ever."""

    answers: list[tuple[int, dict[str, str], bytes]]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Dongle:
    def __init__(self) -> None:
        self.handler = type("Own", (Answer,), {"answers": [], "asked": []})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/telegram"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def gives(self, *answers: bytes | tuple[int, dict[str, str], bytes]) -> None:
        self.handler.answers = [
            (200, TEXT, one) if isinstance(one, bytes) else one for one in answers
        ]

    @property
    def asked(self) -> list[str]:
        return self.handler.asked

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def dongle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dongle]:
    monkeypatch.setattr(httpport, "ASK_S", 0.01)
    monkeypatch.setattr(httpport, "PAUSE_S_MIN", 0.01)
    given = Dongle()
    yield given
    given.close()


async def _heard(port: ports.Port, count: int) -> bytes:
    heard = b""
    async with asyncio.timeout(10):
        while len(heard) < count:
            heard += port.read()
            await asyncio.sleep(0.005)
    return heard


def _opened(url: str) -> ports.Port:
    return asyncio.run(ports.open_port(url, Line(115200)))


def test_a_telegram_is_told_once_however_often_it_is_given(dongle: Dongle) -> None:
    dongle.gives(FIRST, FIRST, FIRST, SECOND, SECOND, FIRST)

    async def scenario() -> None:
        port = await ports.open_port(dongle.url, Line(115200))
        expected = FIRST + SECOND + FIRST
        assert await _heard(port, len(expected)) == expected
        asked = len(dongle.asked)
        while len(dongle.asked) < asked + 3:
            await asyncio.sleep(0.005)
        assert port.read() == b""
        port.close()

    asyncio.run(scenario())
    assert set(dongle.asked) == {"/api/v1/telegram"}


def test_a_telegram_without_an_end_of_its_last_line_is_given_one(dongle: Dongle) -> None:
    dongle.gives(FIRST.rstrip())
    port = _opened(dongle.url)
    assert port.read() == FIRST
    port.close()


def test_a_telegram_in_a_cipher_is_left_as_it_is(dongle: Dongle) -> None:
    sealed = b"\xdb\x08MKTgp\x00\x01"
    dongle.gives(sealed)
    port = _opened(dongle.url)
    assert port.read() == sealed
    port.close()


def test_what_follows_the_question_mark_is_asked_as_well(dongle: Dongle) -> None:
    dongle.gives(FIRST)
    _opened(dongle.url + "?meter=2").close()
    assert dongle.asked[0] == "/api/v1/telegram?meter=2"


@pytest.mark.parametrize(
    ("answer", "what", "tries"),
    [
        ((403, {}, b"{}"), r"it lets nobody read \(HTTP 403\)", "switch on Local API"),
        ((401, {}, b""), r"it lets nobody read \(HTTP 401\)", "switch on Local API"),
        ((404, {}, b""), r"there is no such page \(HTTP 404\)", "switch on Local API"),
        ((503, {}, b""), r"it has no telegram from the meter \(HTTP 503\)", "cable to the"),
        ((500, {}, b""), r"it answers HTTP 500", ""),
        ((301, {"Location": "http://x/"}, b""), r"it sends us on to http://x/", "the address"),
        ((200, {"Content-Type": "text/html; charset=x"}, b"<p>"), "gives is text/html", "Local"),
        ((200, {"Content-Type": "application/json"}, b"{}"), "application/json", "Local API"),
        ((200, TEXT, b""), "it has no telegram from the meter", "cable to the meter"),
        ((200, TEXT, b"x" * 65_537), "longer than 65536 bytes", ""),
        ((200, TEXT | {"Content-Length": "9"}, b"/MKT"), "cut off, 5 bytes before", ""),
    ],
    ids=[
        "switched off", "token", "no page", "no telegram", "broken", "moved", "page", "json",
        "empty", "endless", "cut off",
    ],
)  # fmt: skip
def test_why_there_is_no_telegram_is_said(
    dongle: Dongle, answer: tuple[int, dict[str, str], bytes], what: str, tries: str
) -> None:
    dongle.gives(answer)
    with pytest.raises(LineLost, match=what) as lost:
        _opened(dongle.url)
    assert tries in lost.value.try_


def _raw(server: socket.socket, *said: bytes) -> str:
    """The address of a server that says this to the first who comes, with pauses between."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            for part in said:
                connection.sendall(part)
                time.sleep(0.02)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}/telegram"


def test_an_address_without_telegrams_is_told_the_one_that_has_them(dongle: Dongle) -> None:
    dongle.gives((404, {}, b""))
    with pytest.raises(LineLost) as lost:
        _opened(dongle.url.replace("telegram", "data"))
    assert lost.value.try_.startswith(f'port = "{dongle.url}"; HomeWizard Energy app')


def test_what_is_no_http_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = _raw(server, b"SSH-2.0-x\r\n")
        with pytest.raises(LineLost, match="no whole answer: BadStatusLine"):
            _opened(url)


def test_an_answer_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpport, "ANSWER_S_MAX", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = _raw(server, b"HTTP/1.0 200 OK\r\n\r\n", *[b"/"] * 20)
        with pytest.raises(LineLost, match="no whole answer within 0 s"):
            _opened(url)


def test_nobody_there_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(LineLost, match="nobody listens there"):
            _opened(f"http://127.0.0.1:{unused.getsockname()[1]}/telegram")


def test_two_questions_without_an_answer_are_forgiven_and_three_are_not(dongle: Dongle) -> None:
    none = (503, {}, b"")
    dongle.gives(FIRST, none, none, SECOND, none, none, none, FIRST)

    async def scenario() -> None:
        port = await ports.open_port(dongle.url, Line(115200))
        assert await _heard(port, len(FIRST + SECOND)) == FIRST + SECOND
        with pytest.raises(LineLost, match="it has no telegram from the meter"):
            await _heard(port, 1)
        port.close()

    asyncio.run(scenario())
    assert len(dongle.asked) == 7


def test_a_switch_that_is_put_off_loses_the_line_at_once(dongle: Dongle) -> None:
    dongle.gives(FIRST, (403, {}, b""), FIRST)

    async def scenario() -> None:
        port = await ports.open_port(dongle.url, Line(115200))
        with pytest.raises(LineLost, match="lets nobody read"):
            await _heard(port, len(FIRST) + 1)
        port.close()

    asyncio.run(scenario())


def test_a_closed_port_asks_no_more(dongle: Dongle) -> None:
    dongle.gives(FIRST)
    port = _opened(dongle.url)
    port.close()

    async def scenario() -> None:
        while any(thread.name == "http" for thread in threading.enumerate()):
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(scenario(), 10))


@pytest.mark.parametrize(
    ("port", "what", "tries"),
    [
        ("http://10.0.0.7", "names no page", 'port = "http://10.0.0.7/api/v1/telegram"'),
        ("http://10.0.0.7:80/", "names no page", 'port = "http://10.0.0.7:80/api/v1/telegram"'),
        ("http:///telegram", "is no address", "http://10.0.0.7/api/v1/telegram"),
        ("http://a:b/telegram", "is no address", "http://10.0.0.7/api/v1/telegram"),
        ("http://a/tele gram", "is no address", "http://10.0.0.7/api/v1/telegram"),
        ("http://a:b@c/telegram", "more than host, port and path", "http://10.0.0.7/api"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(port: str, what: str, tries: str) -> None:
    refused = httpport.refuse(port)
    assert refused
    assert what in refused[0]
    assert tries in refused[1]
