"""A hub and a gateway in two folders, and what people do to bring them together."""

import hashlib
import io
import json
from pathlib import Path

import pytest

from gateway.contract.errors import PeopleError
from gateway.enrol import enrol
from ledger_bridge.commands import certificate, hub
from ledger_bridge.commands import enrolment as commands
from ledger_bridge.commands.common import read_books

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


def refusal(error: pytest.ExceptionInfo[PeopleError]) -> str:
    """The three lines, of one problem; gives the first."""
    (problem,) = error.value.problems
    assert 3 == len(str(problem).splitlines()), problem
    return problem.what
