"""From an invitation to an admitted gateway: by file and over the network, and every wrong turn."""

import asyncio
import hashlib
import io
import json
import re
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from gateway import joining
from gateway.config import load
from gateway.contract import enrolment, tls
from gateway.contract.errors import PeopleError, UsageError
from gateway.contract.keys import SigningKey
from gateway.enrol import enrol
from ledger_bridge import invitations
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import certificate, hub, keys
from ledger_bridge.commands import enrolment as commands
from ledger_bridge.commands import gateways as gateways_
from ledger_bridge.commands.common import read_books
from ledger_bridge.hub import Hub
from ledger_bridge.invitations import Invitations
from ledger_bridge.page import enrolling
from ledger_bridge.page.app import build

SETTINGS = """\
# Our house.
gateway = "raspberrypi"  # as discover called it
page = "127.0.0.1:7081"

[device.hall]
driver = "p1"
port = "/dev/serial/by-id/usb-x"
"""
OTHER_CODE = "0000-0000-0000-0000"
PLACE = "zonstraat/home-noor"


class Way:
    """A hub and a gateway in two folders, and the person who goes between them."""

    def __init__(self, folder: Path, monkeypatch, capsys) -> None:
        self.hub = folder / "hub" / "bridge.toml"
        self.house = folder / "house" / "gateway.toml"
        self.folder = folder
        self.talk = ""
        self._monkeypatch, self._capsys = monkeypatch, capsys
        hub.init(folder / "hub", community="zonstraat", json=True)
        certificate.certificate(broker="127.0.0.1", config=self.hub, json=True)
        text = self.hub.read_text().replace("mqtt://127.0.0.1:1883", "mqtts://127.0.0.1:8883")
        text += "\n".join(
            (
                'broker_tls = { ca = "tls/ca.crt", certificate = "tls/bridge.pem",'
                ' key = "tls/bridge.pem" }',
                'enrol = "https://hub.example.nl"',
            )
        )
        self.hub.write_text(text)
        self.house.parent.mkdir()
        self.house.write_text(SETTINGS)
        capsys.readouterr()

    def said(self) -> str:
        read = self._capsys.readouterr()
        self.talk += read.err
        return read.out

    def invite(self, gateway: str = "home-noor", **kinds) -> str:
        commands.invite(gateway, config=self.hub, json=True, **kinds)
        return json.loads(self.said())["code"]

    def ask(self, code: str, place: str = PLACE, **given) -> str:
        """What the gateway prints: its words, where it is told no more than the place."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
        enrol(place, config=self.house, **given)
        return self.said().strip()

    @property
    def request(self) -> Path:
        return self.house.parent / "enrolment" / "request"

    def admit(self, words: str, request: Path | None = None, gateway: str = "home-noor") -> Path:
        """The answer, as a file."""
        commands.enrol(gateway, words=words, request=request or self.request, config=self.hub)
        answer = self.folder / "answer"
        answer.write_text(self.said())
        return answer

    def all_the_way(self, **kinds) -> str:
        """Invited, asked, admitted and settled; gives the code."""
        code = self.invite(**kinds)
        answer = self.admit(self.ask(code))
        self.ask(code, answer=answer)
        return code

    def keys(self) -> dict[str, str]:
        return {name: key.x for name, key in read_books(self.hub).registry.keys.items()}

    def edits(self) -> int:
        return read_books(self.hub).db.execute("SELECT count(*) FROM registry_edit").fetchone()[0]

    def state(self) -> dict[str, str]:
        """A digest of every file of hub and house, but for what SQLite keeps beside its own."""
        found = sorted(self.folder.rglob("*"))
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in found
            if path.is_file() and path.suffix not in {".db-wal", ".db-shm", ".lock"}
        }


@pytest.fixture
def way(tmp_path, monkeypatch, capsys) -> Way:
    # The words cost what they cost in another file; here they need not be dear.
    monkeypatch.setitem(enrolment._SCRYPT, "n", 2)
    return Way(tmp_path, monkeypatch, capsys)


def refusal(error: pytest.ExceptionInfo[PeopleError]) -> str:
    """The three lines, of one problem; gives the first."""
    (problem,) = error.value.problems
    assert 3 == len(str(problem).splitlines()), problem
    return problem.what


def test_a_gateway_that_was_invited_has_all_it_needs_and_its_settings_are_as_they_were(way):
    way.all_the_way()
    config = load(way.house)
    files, base = config.broker_tls, way.house.parent
    assert files is not None
    assert ("zonstraat", "home-noor") == (config.community, config.gateway)
    assert "mqtts://127.0.0.1:8883" == config.broker
    assert read_books(way.hub).registry.bridge == config.bridge_key
    assert SigningKey.load(base / "gateway.key").public.x == way.keys()["home-noor"]
    assert (base / "ca.crt", base / "tls.pem") == (files.ca, files.certificate)
    assert files.certificate == files.key
    assert [] == list(tls.flaws(files))
    assert {0o600} == {
        stat.S_IMODE((base / name).stat().st_mode) for name in ("tls.pem", "gateway.key")
    }
    own = x509.load_pem_x509_certificate((base / "tls.pem").read_bytes())
    assert Authority(way.hub.parent / "tls").is_good(own, "home-noor")
    text = way.house.read_text()
    assert text.startswith('# Our house.\ngateway = "home-noor"  # as discover called it\n')
    assert text.endswith(SETTINGS[SETTINGS.index("[device") :])
    assert ["ca.crt", "gateway.key", "gateway.toml", "tls.pem"] == sorted(
        p.name for p in base.iterdir()
    )


def test_no_secret_of_the_gateway_is_at_the_hub_and_none_of_the_hub_at_the_gateway(way):
    way.all_the_way()
    at_hub = "".join(
        p.read_bytes().decode("latin1") for p in way.hub.parent.rglob("*") if p.is_file()
    )
    house = way.house.parent
    own = json.loads((house / "gateway.key").read_text())["d"]
    pem = re.findall(r"[\w+/=]{60,}", (house / "tls.pem").read_text())[0]
    assert (False, False) == (own in at_hub, pem in at_hub)
    at_house = "".join(p.read_text() for p in house.rglob("*") if p.is_file())
    secrets = [json.loads(p.read_text())["d"] for p in (way.hub.parent / "keys").iterdir()]
    assert [] == [secret for secret in secrets if secret in at_house]
    assert "card.key" not in {p.name for p in house.iterdir()}


def test_a_recycling_point_gets_the_card_key_and_learns_who_the_stewards_are(way):
    code = way.invite(point=True)
    told = way.ask(code, answer=way.admit(way.ask(code)))
    card_key = way.house.parent / "card.key"
    assert (way.hub.parent / "card.key").read_text() == card_key.read_text()
    assert 0o600 == stat.S_IMODE(card_key.stat().st_mode)
    (steward,) = read_books(way.hub).registry.stewards
    assert f'  stewards = ["{steward}"]' in told.splitlines()


def test_asking_twice_is_the_same_request_with_the_same_words(way):
    code = way.invite()
    words = way.ask(code)
    before = way.state()
    assert words == way.ask(code)
    assert before == way.state()


def test_the_words_may_be_given_as_the_line_that_a_phone_scanned(way):
    words = way.ask(way.invite())
    way.admit(f"{PLACE} {words.upper()}\n")
    assert {"home-noor"} == set(way.keys())


def test_a_broker_on_the_hubs_own_machine_needs_no_certificate(way):
    plain = re.sub(r"^broker_tls.*$", "", way.hub.read_text(), flags=re.MULTILINE)
    way.hub.write_text(plain.replace("mqtts://127.0.0.1:8883", "mqtt://127.0.0.1:1883"))
    way.all_the_way()
    config = load(way.house)
    assert ("mqtt://127.0.0.1:1883", None) == (config.broker, config.broker_tls)


def test_the_same_gateway_may_be_invited_again_and_keeps_its_key(way):
    way.all_the_way()
    before = way.keys(), (way.house.parent / "tls.pem").read_bytes()
    edits = way.edits()
    way.all_the_way()
    assert before[0] == way.keys()
    assert before[1] != (way.house.parent / "tls.pem").read_bytes()
    assert edits == way.edits()
    assert 2 == len(Authority(way.hub.parent / "tls").given("home-noor"))


def test_another_gateway_by_its_name_takes_its_place(way):
    way.all_the_way()
    first = way.keys()["home-noor"]
    shutil.rmtree(way.house.parent)
    way.house.parent.mkdir()
    way.house.write_text(SETTINGS)
    way.all_the_way()
    assert "admitted with another key than before" in way.talk
    own = SigningKey.load(way.house.parent / "gateway.key").public.x
    registry = read_books(way.hub).registry
    assert (first, own) == (registry.keys["home-noor"].x, registry.first_key("home-noor"))


def test_a_revoked_gateway_comes_back_with_another_key_only(way):
    way.all_the_way()
    open_ = way.invite()
    keys.revoke("home-noor", config=way.hub, json=True)
    told = json.loads(way.said())
    assert f"{way.hub.parent}/tls/revoked.crl" == told["list"]
    own = x509.load_pem_x509_certificate((way.house.parent / "tls.pem").read_bytes())
    assert not Authority(way.hub.parent / "tls").is_good(own, "home-noor")
    # What was open is over, and the key that was revoked is not admitted again.
    words = way.ask(open_)
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert "no invitation that is open has this code" == refusal(refused)
    code = way.invite()
    words = way.ask(code)
    before = way.state()
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert "it had this key before" == refusal(refused)
    assert before == way.state()
    (way.house.parent / "gateway.key").unlink()
    way.ask(code, answer=way.admit(way.ask(code)))
    assert not read_books(way.hub).registry.is_barred("home-noor")


def test_a_hub_that_ended_in_the_midst_of_admitting_goes_on(way, monkeypatch):
    code = way.invite()
    words = way.ask(code)
    with monkeypatch.context() as ended:
        ended.setattr(invitations.Invitations, "answer", lambda *_: sys.exit())
        with pytest.raises(SystemExit):
            way.admit(words)
    assert {"home-noor"} == set(way.keys())
    way.ask(code, answer=way.admit(words))
    assert "home-noor" == load(way.house).gateway


def test_the_answer_may_be_asked_for_again(way):
    code = way.invite()
    words = way.ask(code)
    first = way.admit(words).read_text()
    assert first == way.admit(words).read_text()
    assert 1 == len(Authority(way.hub.parent / "tls").given("home-noor"))


def test_an_answer_can_be_fetched_also_once_the_time_of_its_code_is_over(way, monkeypatch):
    words = way.ask(way.invite(days=1))
    first = way.admit(words).read_text()
    monkeypatch.setattr(commands, "_now_ms", lambda: 2**42)
    assert first == way.admit(words).read_text()


def test_a_code_is_good_until_the_millisecond_that_was_said(way):
    made = Invitations(Hub.load(way.hub)).invite("home-noor", expires_ms=1_000, is_point=False)
    way.ask(made.code)
    data = way.request.read_bytes()
    assert made == Invitations(Hub.load(way.hub)).open(data, now_ms=999)[1]
    with pytest.raises(PeopleError) as refused:
        Invitations(Hub.load(way.hub)).open(data, now_ms=1_000)
    assert "the time of this code is over" == refusal(refused)


def test_what_is_kept_of_an_enrolment_is_for_its_owner_only(way):
    way.all_the_way()
    folder = way.hub.parent / "enrolment"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    expected = {"home-noor.answer": 0o600, "home-noor.invitation": 0o600}
    assert (0o700, expected) == (stat.S_IMODE(folder.stat().st_mode), modes)


def test_the_key_that_waits_with_a_request_is_for_its_owner_only(way):
    way.ask(way.invite())
    folder = way.request.parent
    assert [0o700, 0o600] == [
        stat.S_IMODE(one.stat().st_mode) for one in (folder, folder / "tls.key")
    ]


def test_an_answer_to_somebody_else_changes_nothing_whoever_sealed_it(way):
    code = way.invite()
    way.ask(code)
    asked = enrolment.read(way.request.read_bytes())
    other = enrolment.Answer("zonstraat", "home-bram", "mqtts://hub:8883", "k", "", "", "", ())
    (way.folder / "answer").write_bytes(enrolment.seal(other, asked, code=code))
    before = way.house.read_text()
    with pytest.raises(UsageError) as refused:
        way.ask(code, answer=way.folder / "answer")
    assert "this is an answer to zonstraat/home-bram" == refusal(refused)
    assert before == way.house.read_text()


# What goes wrong at the hub


def with_another_code(way):
    way.invite()
    return way.ask(OTHER_CODE), None


def with_words_of_another(way):
    way.ask(way.invite())
    return "bami bela newi kofa", None


def without_words(way):
    way.ask(way.invite())
    return "  ", None


def with_a_code_that_is_over(way):
    words = way.ask(way.invite(days=1))
    way._monkeypatch.setattr(commands, "_now_ms", lambda: 2**42)
    return words, None


def with_a_code_that_was_used(way):
    code = way.all_the_way()
    (way.house.parent / "gateway.key").unlink()
    way.house.write_text(SETTINGS)
    return way.ask(code), None


def with_a_code_before_the_last(way):
    code = way.invite()
    way.invite()
    return way.ask(code), None


def of_another_gateway(way):
    code = way.invite("home-bram")
    return way.ask(code, "zonstraat/home-bram"), None


def of_another_community(way):
    return way.ask(way.invite(), "maanstraat/home-noor"), None


def of_nothing(way):
    way.invite()
    letter = way.folder / "letter"
    letter.write_text("a letter\n")
    return "bami bela newi kofa", letter


def that_is_not_there(way):
    way.invite()
    return "bami bela newi kofa", way.folder / "none"


@pytest.mark.parametrize(
    ("what", "case"),
    [
        ("no invitation that is open has this code", with_another_code),
        ("this request has other words: it is not the one that this gateway shows",
         with_words_of_another),
        ("this request has other words: it is not the one that this gateway shows", without_words),
        ("the time of this code is over", with_a_code_that_is_over),
        ("this code was used before, by another request", with_a_code_that_was_used),
        ("no invitation that is open has this code", with_a_code_before_the_last),
        ("this is a request of home-bram", of_another_gateway),
        ("a request to maanstraat, and this is zonstraat", of_another_community),
        ("this is no request of a gateway: expected the three lines of a request", of_nothing),
        ("the request cannot be read: No such file or directory", that_is_not_there),
    ],
)  # fmt: skip
def test_a_request_that_nobody_admits_is_told_and_changes_nothing(way, what, case):
    words, request = case(way)
    before, keys = way.state(), way.keys()
    with pytest.raises(PeopleError) as refused:
        way.admit(words, request)
    assert what == refusal(refused)
    assert (before, keys) == (way.state(), way.keys())


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("'Noor' is no id of a gateway", {"gateway": "Noor"}),
        ("'../ca' is no id of a gateway", {"gateway": "../ca"}),
        ("a code for 0 days", {"days": 0}),
        ("a code for 32 days", {"days": 32}),
    ],
)
def test_what_nobody_can_be_invited_to_is_told(way, what, given):
    with pytest.raises(UsageError) as refused:
        way.invite(**given)
    assert what == refusal(refused)


def test_a_steward_who_gives_no_words_is_asked_for_them_or_told(way):
    code = way.invite()
    words = way.ask(code)
    way._monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError) as refused:
        way.admit("")
    assert "nobody says which words the gateway shows" == refusal(refused)
    terminal = io.StringIO(f"{words}\n")
    terminal.isatty = lambda: True
    way._monkeypatch.setattr("sys.stdin", terminal)
    way.admit("")
    assert {"home-noor"} == set(way.keys())


@pytest.mark.parametrize(
    ("file", "what"),
    [("tls/ca.key", "the community's CA cannot be used"), ("card.key", "no card key")],
)
def test_a_hub_that_lacks_a_key_admits_nobody(way, file, what):
    words = way.ask(way.invite(point=True))
    (way.hub.parent / file).unlink()
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert refusal(refused).startswith(what)
    assert {} == way.keys()


def test_a_revoked_gateway_is_shown_as_such_and_nobody_waits_for_it(way):
    way.all_the_way()
    keys.revoke("home-noor", config=way.hub, json=True)
    way.said()
    assert 0 == gateways_.gateways(config=way.hub)
    assert "revoked: it counts for nothing" in way.said()


def test_a_gateway_is_revoked_although_the_ca_is_gone_and_that_is_told(way):
    way.all_the_way()
    (way.hub.parent / "tls" / "ca.key").unlink()
    with pytest.raises(PeopleError) as refused:
        keys.revoke("home-noor", config=way.hub)
    assert refusal(refused).startswith("home-noor is revoked, and still let in by the broker: ")
    assert read_books(way.hub).registry.is_barred("home-noor")


# What goes wrong at the gateway


def with_an_answer_to_another_request(way):
    code = way.invite()
    answer = way.admit(way.ask(code))
    shutil.rmtree(way.request.parent)
    return code, {"answer": answer}


def with_another_code_than_before(way):
    return OTHER_CODE, {"answer": way.admit(way.ask(way.invite()))}


def without_the_answer(way):
    return way.invite(), {"answer": way.folder / "none"}


def with_a_code_that_is_none(way):
    return "1234", {}


def in_a_house_of_another_community(way):
    code = way.all_the_way()
    return code, {"place": "maanstraat/home-noor"}


def at_no_place(way):
    return way.invite(), {"place": "home-noor"}


def with_a_hub_that_is_none(way):
    return way.invite(), {"hub": "hub.example.nl"}


def with_two_ways_at_once(way):
    return way.invite(), {"hub": "https://hub.example.nl", "answer": way.folder / "none"}


@pytest.mark.parametrize(
    ("what", "case"),
    [
        ("it is no answer to this request", with_an_answer_to_another_request),
        ("it is no answer to this request", with_another_code_than_before),
        ("the answer cannot be read: No such file or directory", without_the_answer),
        ("a code has 16 letters and digits", with_a_code_that_is_none),
        ("this gateway is of zonstraat", in_a_house_of_another_community),
        ("'home-noor' is not where a gateway can be", at_no_place),
        ("'hub.example.nl' is no address of a hub", with_a_hub_that_is_none),
        ("two things at once", with_two_ways_at_once),
    ],
)
def test_a_gateway_that_does_not_get_in_is_told_and_its_settings_stay(way, what, case):
    code, given = case(way)
    before = way.house.read_bytes()
    files = {path.name for path in way.house.parent.iterdir()}
    with pytest.raises(PeopleError) as refused:
        way.ask(code, **{"place": PLACE, **given})
    assert what == refusal(refused)
    assert before == way.house.read_bytes()
    assert files | {"enrolment", "gateway.key"} == {"enrolment", "gateway.key"} | {
        path.name for path in way.house.parent.iterdir()
    }


# Over the network


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


def test_a_file_of_the_hub_that_cannot_be_read_is_told_to_nobody_from_outside(way, page):
    words = way.ask(way.invite())
    (way.hub.parent / "enrolment" / "home-noor.invitation").write_text("{")
    answered = page.post("/enrol", content=way.request.read_bytes())
    assert (503, {"what": "the hub cannot take a request now"}) == (
        answered.status_code, answered.json()
    )  # fmt: skip
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


def test_what_a_strange_hub_says_is_shown_as_plain_text_and_short(way, monkeypatch):
    said = {"what": "\x1b[31mred" + "x" * 300, "where": "a\nb", "try_": "c"}
    error = joining.HTTPError("u", 403, "", {}, io.BytesIO(json.dumps(said).encode()))
    problem = joining._refusal(error, "u").problems[0]
    assert ("[31mred", "ab", 199) == (problem.what[:7], problem.where, len(problem.what))
