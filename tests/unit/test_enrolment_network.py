"""A request that goes to the hub over the network, and whoever else may answer or ask there."""

import asyncio
import io
import json
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import closing, nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from gateway import joining
from gateway.config import load
from gateway.contract import enrolment
from gateway.contract.errors import PeopleError, UsageError
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import enrolment as commands
from ledger_bridge.hub import Hub
from ledger_bridge.page import enrolling
from ledger_bridge.page.app import build
from tests.certificates import FAR_AHEAD, LONG_AGO, certificate
from tests.enrolling import OTHER_CODE, Way, refusal
from tests.system.programs import free_port


@pytest.fixture
def way(tmp_path, monkeypatch, capsys) -> Way:
    monkeypatch.setitem(enrolment._SCRYPT, "n", 2)  # the words need not be dear here
    return Way(tmp_path, monkeypatch, capsys)


class Page:
    """The hub's page, as whoever comes from outside finds it."""

    def __init__(self, config: Path, url: str = "https://hub.example.nl") -> None:
        self._app = build(Hub.load(config), lambda: 0)
        self._url = url

    async def ask(
        self, path: str, content: bytes | AsyncIterator[bytes], **headers: str
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url=self._url) as client:
            return await client.post(path, content=content, headers=headers)

    def post(
        self, path: str, content: bytes | AsyncIterator[bytes], **headers: str
    ) -> httpx.Response:
        return asyncio.run(self.ask(path, content, **headers))


@pytest.fixture
def page(way) -> Page:
    return Page(way.hub)


def test_a_request_waits_at_the_hub_and_its_answer_is_fetched_by_asking_again(way, page):
    code = way.invite()
    words = way.ask(code)
    data = way.request.read_bytes()
    assert [202, 202] == [page.post("/enrol", content=data).status_code for _ in range(2)]
    commands.enrol("home-noor", words=words, config=way.hub)
    assert "home-noor is admitted\n" == way.said()
    answered = page.post("/enrol", content=data)
    assert 200 == answered.status_code
    (way.folder / "answer").write_bytes(answered.content)
    way.ask(code, answer=way.folder / "answer")
    assert "home-noor" == load(way.house).gateway


def test_of_several_requests_with_the_code_the_last_one_stands_and_its_words_count(way, page):
    code = way.invite()
    first = way.ask(code)
    page.post("/enrol", content=way.request.read_bytes())
    shutil.rmtree(way.request.parent)
    last = way.ask(code)
    page.post("/enrol", content=way.request.read_bytes())
    with pytest.raises(PeopleError) as refused:
        commands.enrol("home-noor", words=first, config=way.hub)
    assert refusal(refused).startswith("this request has other words")
    commands.enrol("home-noor", words=last, config=way.hub)
    assert {"home-noor"} == set(way.keys())


def test_who_has_no_code_leaves_nothing_at_the_hub(way, page):
    way.invite()
    way.ask(OTHER_CODE)
    before = way.state()
    answered = page.post("/enrol", content=way.request.read_bytes())
    assert 403 == answered.status_code
    assert "no invitation that is open has this code" == answered.json()["what"]
    assert answered.json()["try_"].startswith("type the code again; else the steward makes another")
    assert before == way.state()
    with pytest.raises(UsageError) as refused:
        commands.enrol("home-noor", words="a b c d", config=way.hub)
    assert "home-noor has not asked over the network" == refusal(refused)


@pytest.mark.parametrize(
    ("status", "path", "content", "host"),
    [
        pytest.param(403, "/enrol", b"", "hub.example.nl", id="nothing"),
        pytest.param(403, "/enrol", b"\xff" * 100, "hub.example.nl", id="no-text"),
        pytest.param(413, "/enrol", b"x" * 9_000, "hub.example.nl", id="too-much"),
        pytest.param(421, "/enrol", b"", "evil.example", id="another-name"),
        pytest.param(421, "/api/now", b"", "hub.example.nl", id="another-page"),
    ],
)
def test_nothing_else_is_open_under_that_name(page, status, path, content, host):
    assert status == page.post(path, content=content, host=host).status_code


def test_who_sends_slower_than_any_line_is_not_waited_for(way, monkeypatch):
    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    monkeypatch.setattr(enrolling, "SENT_S_MAX", 0.01)
    answered = Page(way.hub).post("/enrol", content=slowly())
    assert (408, "close") == (answered.status_code, answered.headers["connection"])


def test_who_comes_while_too_many_are_sending_is_sent_away_and_later_heard(way, monkeypatch):
    answers = []

    async def meanwhile() -> AsyncIterator[bytes]:
        yield b"x"
        answers.append(await page.ask("/enrol", content=b"x"))

    monkeypatch.setattr(enrolling, "AT_ONCE_MAX", 1)
    page = Page(way.hub)
    answers.append(page.post("/enrol", content=meanwhile()))
    answers.append(page.post("/enrol", content=b"x"))
    assert [503, 403, 403] == [one.status_code for one in answers]
    assert "close" == answers[0].headers["connection"]


def test_a_hub_that_says_nothing_of_enrolling_takes_no_requests(way):
    way.hub.write_text(way.hub.read_text().replace('enrol = "https://hub.example.nl"', ""))
    assert 404 == Page(way.hub, "http://127.0.0.1").post("/enrol", content=b"x").status_code


def test_a_file_of_the_hub_that_cannot_be_read_is_told_to_its_steward_once(way, page):
    words = way.ask(way.invite())
    kept = way.hub.parent / "enrolment" / "home-noor.invitation"
    kept.write_text("{")
    data = way.request.read_bytes()
    with capture_logs() as logs:
        answered = [page.post("/enrol", content=data) for _ in range(2)]
    assert [(503, {"what": "the hub cannot take a request now"})] * 2 == [
        (one.status_code, one.json()) for one in answered
    ]
    assert [("enrolment_not_taken", str(kept))] == [(one["event"], one["where"]) for one in logs]
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert refusal(refused).startswith("what was kept of an enrolment cannot be read")


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://hub.example.nl", True),
        ("https://hub.example.nl:8443", True),
        ("http://127.0.0.1:7080", True),
        ("http://hub.example.nl", False),
        ("https://hub.example.nl/enrol", False),
        ("hub.example.nl", False),
    ],
)
def test_gateways_enrol_over_https_or_on_this_machine(way, url, is_right):
    way.hub.write_text(way.hub.read_text().replace("https://hub.example.nl", url))
    expected = nullcontext() if is_right else pytest.raises(PeopleError, match="is no address such")
    with expected:
        assert url == Hub.load(way.hub).settings.enrol


# Whoever answers in the place of the hub


class Stranger:
    """Answers requests one after the other with these bytes, the last of them for ever."""

    def __init__(self, *answers: bytes, context: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.port = free_port()
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._context = context
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                self._answer(self._socket.accept()[0])

    def _answer(self, caller: socket.socket) -> None:
        with suppress(OSError), closing(caller):  # who does not believe its certificate hangs up
            if self._context:
                caller = self._context.wrap_socket(caller, server_side=True)
            with closing(caller), caller.makefile("rb") as asked:
                while (line := asked.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                asked.read(length)
                caller.sendall(self.answers[0])
        del self.answers[: len(self.answers) > 1]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def http(status: str, body: bytes = b"", *, more: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{more}\r\n".encode() + body


PORTAL = http("200 OK", b"<html>Sign in to the Wi-Fi of the station</html>")


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("the hub took no request: HTTP 502", http("502 Bad Gateway", b"<h1>502</h1>")),
        ("the hub took no request: HTTP 504", http("504 Gateway Timeout")),
        ("the hub took no request: HTTP 404", http("404 Not Found", b"nobody")),
        ("the hub took no request: HTTP 403", http("403 Forbidden", b"[" * 4_000)),
        ("the hub took no request: HTTP 503", http("503 X", b'{"what": "the hub cannot')),
        ("what answers there is no hub, or was cut off: HTTP 200", PORTAL),
        ("what answers there is no hub, or was cut off: HTTP 200", http("200 OK")),
        ("what answers there is no hub, or was cut off: HTTP 200", http("200 OK", b"A" * 99_000)),
        ("what answers there is no hub, or was cut off: HTTP 200",
         http("200 OK", b"A" * 90, length=400)),
        ("what answers there is no hub, or was cut off: HTTP 204", http("204 No Content")),
        ("the hub is not here, and sends us to https://hub.example.nl",
         http("308 Permanent Redirect", more="Location: https://hub.example.nl/enrol\r\n")),
        ("the hub is not here, and sends us to /[31mportal",
         http("302 Found", more="Location: /\x1b[31mportal\r\n")),
        ("the hub does not answer: it closed the connection", b""),
        ("the hub does not answer: what listens there speaks another language, or was cut off",
         b"\x1b[31mSSH-2.0\r\nor what\r\n\r\n"),
    ],
)  # fmt: skip
def test_whoever_is_no_hub_is_told_as_such_and_nothing_is_kept(way, what, answer):
    before = way.house.read_bytes()
    with closing(Stranger(answer)) as hub, pytest.raises(PeopleError) as refused:
        way.ask(OTHER_CODE, hub=f"http://127.0.0.1:{hub.port}")
    assert (what, "") == (refusal(refused), way.said())
    assert before == way.house.read_bytes()
    names = sorted(path.name for path in way.house.parent.iterdir())
    assert ["gateway.key", "gateway.toml"] == names


@pytest.fixture
def trusted(tmp_path, monkeypatch) -> Authority:
    """One that this machine trusts, as it does those of the internet."""
    made = Authority.create(tmp_path / "internet", community="internet")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


def self_signed(folder: Path, _: Authority) -> None:
    other = Authority.create(folder / "other", community="internet")
    certificate(folder / "hub", other, "127.0.0.1")


@pytest.mark.parametrize(
    ("what", "host", "make"),
    [
        ("nobody that this machine trusts signed its certificate", "127.0.0.1", self_signed),
        ("its certificate is for another name than localhost", "localhost",
         lambda folder, trusted: certificate(folder / "hub", trusted, "127.0.0.1")),
        ("its certificate is for another address than 127.0.0.1", "127.0.0.1",
         lambda folder, trusted: certificate(folder / "hub", trusted, "127.0.0.2")),
        ("its certificate is over; the clock here says ", "127.0.0.1",
         lambda folder, trusted: certificate(folder / "hub", trusted, "127.0.0.1", ends=LONG_AGO)),
        ("its certificate is not valid yet; the clock here says ", "127.0.0.1",
         lambda folder, trusted: certificate(
            folder / "hub", trusted, "127.0.0.1", begins=FAR_AHEAD - timedelta(days=1))),
    ],
)  # fmt: skip
def test_a_hub_whose_certificate_nobody_should_believe_is_told(way, trusted, what, host, make):
    make(way.folder, trusted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(way.folder / "hub.crt", way.folder / "hub.key")
    with (
        closing(Stranger(http("202 Accepted"), context=context)) as hub,
        pytest.raises(PeopleError) as refused,
    ):
        way.ask(OTHER_CODE, hub=f"https://{host}:{hub.port}")
    assert refusal(refused).startswith(f"the hub does not answer: {what}")
    assert not way.request.exists()


def test_a_server_that_knows_no_such_name_is_told(way, trusted):
    certificate(way.folder / "hub", trusted, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(way.folder / "hub.crt", way.folder / "hub.key")
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
    with closing(Stranger(b"", context=context)) as hub, pytest.raises(PeopleError) as refused:
        way.ask(OTHER_CODE, hub=f"https://127.0.0.1:{hub.port}")
    assert "the hub does not answer: it has no certificate for 127.0.0.1" == refusal(refused)


def test_whatever_comes_between_the_answer_gets_there(way, monkeypatch):
    code = way.invite()
    words = way.ask(code)
    sealed = way.admit(words).read_bytes().strip()
    monkeypatch.setattr(joining, "ASK_AGAIN_S", 0)
    hub = Stranger(
        http("202 Accepted"),
        http("502 Bad Gateway"),
        PORTAL,
        http("200 OK", sealed[:100], length=len(sealed)),
        b"",
        http("302 Found", more="Location: /\r\n"),
        http("200 OK", sealed),
    )
    with closing(hub):
        way.ask(code, hub=f"http://127.0.0.1:{hub.port}")
    assert 1 == len(hub.answers)
    assert ("home-noor", "zonstraat") == (load(way.house).gateway, load(way.house).community)


def test_a_code_that_is_mistyped_leaves_the_request_that_waits(way, page):
    code = way.invite()
    way.ask(code)
    before = way.state()
    refused_ = page.post("/enrol", content=b"x").content
    with closing(Stranger(http("403 Forbidden", refused_))) as hub, pytest.raises(PeopleError):
        way.ask(OTHER_CODE, hub=f"http://127.0.0.1:{hub.port}")
    assert before == way.state()


@pytest.mark.parametrize(
    "url",
    [
        "hub.example.nl",
        "ftp://hub.example.nl",
        "https://",
        "https://hub example.nl",
        "https://hub.example.nl/enrol",
        "https://hub.example.nl?a",
        "https://hub.example.nl:port",
        "https://hub.example.nl:0",
        "https://noor:secret@hub.example.nl",
        "https://[::1",
        "https://hub..nl",
        f"https://{'a' * 64}.nl",
        "https://hub\n.example.nl",
    ],
)
def test_what_can_be_no_hubs_address_is_told_before_a_code_is_asked_for(way, url):
    with pytest.raises(UsageError) as refused:
        way.ask("", hub=url)
    assert f"{url!r} is no address of a hub" == refusal(refused)


@pytest.mark.parametrize(
    ("url", "desk"),
    [
        ("https://hub.example.nl", "https://hub.example.nl/enrol"),
        ("https://hub.example.nl/", "https://hub.example.nl/enrol"),
        ("HTTPS://hub.example.nl:8443", "https://hub.example.nl:8443/enrol"),
        ("http://[::1]:7080", "http://[::1]:7080/enrol"),
        ("https://münchen.example", "https://münchen.example/enrol"),
    ],
)
def test_a_hub_takes_requests_at_one_place(url, desk):
    assert desk == joining.desk(url)


def test_what_a_strange_hub_says_is_shown_as_plain_text_and_short(way, monkeypatch):
    said = {"what": "\x1b[31mred" + "x" * 300, "where": "a\nb", "try_": "c"}
    error = joining.HTTPError("u", 403, "", {}, io.BytesIO(json.dumps(said).encode()))
    problem = joining._refusal(error, "u").problems[0]
    assert ("[31mred", "ab", 199) == (problem.what[:7], problem.where, len(problem.what))
