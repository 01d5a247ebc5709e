"""No secret leaves the file that holds it: the whole way into a community is walked, and everything
that anybody wrote on it is searched.
"""

import io
import json
import stat
from pathlib import Path

import pytest

from gateway.cli import build
from gateway.contract.errors import PeopleError
from tests.leaks import leaked, secrets
from tests.system.programs import Program, free_port, running

pytestmark = pytest.mark.system

PLACE = "zonstraat/point"


class Walk:
    """All that was said goes to a file `said`; the secrets that ever were there are kept."""

    def __init__(self, folder: Path, monkeypatch, capsys) -> None:
        self.folder = folder
        self.hub, self.house = folder / "hub" / "bridge.toml", folder / "house" / "gateway.toml"
        self.known: set[bytes] = set()
        self.holders: set[str] = set()
        self.modes: set[int] = set()
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.house.parent.mkdir()
        self.house.write_text(
            'gateway = "pi"\n\n[device.hall]\ndriver = "p1"\nport = "/dev/serial/by-id/usb-x"\n'
        )

    def do(self, *words: object, stdin: str = "") -> str:
        told = self.ask(*words, stdin=stdin)
        with (self.folder / "said").open("a") as said:
            said.write("".join(told))
        self.look()
        return told[0]

    def ask(self, *words: object, stdin: str = "") -> tuple[str, str]:
        """What a command prints, of which nothing is kept."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        error = ""
        try:
            build()([str(word) for word in words])
        except PeopleError as refused:
            error = str(refused)
        out, err = self._capsys.readouterr()
        return out, err + error

    def look(self) -> None:
        """See which secrets there are now, and that nobody else may read them."""
        for path, some in secrets(self.folder).items():
            self.known |= some
            self.holders.add(path.name)
            self.modes.add(stat.S_IMODE(path.stat().st_mode))

    @property
    def at_hub(self) -> tuple[object, ...]:
        return "--config", self.hub

    @property
    def at_house(self) -> tuple[object, ...]:
        return "--config", self.house

    def join(self) -> str:
        """Into the community by file, with a word that is wrong at each end; gives the code."""
        invited, _ = self.ask("hub", "invite", "point", "--point", *self.at_hub, "--json")
        code: str = json.loads(invited)["code"]
        request, answer = self.house.parent / "enrolment" / "request", self.folder / "answer"
        words = self.do("enrol", PLACE, *self.at_house, stdin=code).strip()
        admit = ("hub", "enrol", "point", "--request", request, *self.at_hub, "--words")
        self.do(*admit, "bami bela newi kofa")
        answer.write_text(self.do(*admit, words))
        settle = ("enrol", PLACE, "--answer", answer, *self.at_house)
        self.do(*settle, stdin="0000-0000-0000-0000")
        self.do(*settle, stdin=code)
        return code


def found(hub: Path) -> None:
    text = hub.read_text().replace("mqtt://127.0.0.1:1883", f"mqtts://127.0.0.1:{free_port()}")
    text = text.replace("127.0.0.1:7080", f"127.0.0.1:{free_port()}")
    files = 'ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem"'
    hub.write_text(f"{text}broker_tls = {{ {files} }}\n")


def test_no_key_and_no_code_is_anywhere_but_in_its_own_file_which_is_its_owners(
    tmp_path, monkeypatch, capsys
):
    walk = Walk(tmp_path, monkeypatch, capsys)
    walk.do("hub", "init", walk.hub.parent, "--community", "zonstraat")
    found(walk.hub)
    walk.do("hub", "certificate", "--broker", "127.0.0.1", *walk.at_hub)
    codes = [walk.join(), walk.join()]
    for whose in ("bridge", "log"):
        walk.do("hub", "rotate", whose, *walk.at_hub)
    walk.do("check", *walk.at_house)
    walk.do("doctor", *walk.at_house, "--bundle", tmp_path / "bundle.zip")
    with running(
        Program("bridge", tmp_path, "bridge", *walk.at_hub),
        Program("gateway", tmp_path, "gateway", *walk.at_house),
    ):
        for config in (walk.at_hub, walk.at_house):
            walk.do("backup", tmp_path, *config, "--without-keys")
            made = tmp_path / "whole.meterkast"
            walk.do("backup", made, *config)
            walk.modes.add(stat.S_IMODE(made.stat().st_mode))
            made.unlink()
    walk.do("hub", "revoke", "point", *walk.at_hub)
    # A key file that somebody damaged is told, and not shown.
    key = walk.house.parent / "gateway.key"
    key.write_text(key.read_text().replace('"d":"', '"d":"_'))
    walk.do("enrol", *walk.at_house)
    key.unlink()
    expected = {"ca.key", "broker.key", "bridge.pem", "bridge.key", "log.key", "steward.key",
                "card.key", "gateway.key", "tls.key", "tls.pem"}  # fmt: skip
    assert expected <= walk.holders
    told = (tmp_path / "said").read_text()
    for part in (
        "other words",
        "no request waits here",
        "is one of zonstraat",
        "is revoked",
        "JWK",
    ):
        assert part in told
    assert {0o600} == walk.modes
    written = {form for code in codes for form in (code.encode(), code.replace("-", "").encode())}
    (tmp_path / "probe").write_bytes(b"..." + max(walk.known, key=len) + b"...")
    assert ["probe"] == leaked(tmp_path, walk.known | written)
