"""A gateway at a hub with a real broker: invited, let in, renewed, revoked and let in anew."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.tls import new_key, pem_of
from ledger_bridge.certificates import Authority
from tests.system.brokers import Mosquitto
from tests.system.programs import Program, done, free_port, meterkast, running, until
from tests.system.test_two_telegrams import now_quarter, stored, telegram

pytestmark = pytest.mark.system

PLACE = "zonstraat/home-noor"


class Village:
    """One hub with its broker and its bridge, and one house; all that anybody said is kept."""

    def __init__(self, folder: Path, stack: ExitStack, mosquitto: str) -> None:
        self.folder = folder
        self.hub, self.house = folder / "hub" / "bridge.toml", folder / "house" / "gateway.toml"
        self.said: list[str] = []
        self._page = free_port()
        page = f"127.0.0.1:{self._page}"
        self.do("hub", "init", folder / "hub", "--community", "zonstraat", "--page", page)
        self.do("hub", "certificate", "--broker", "127.0.0.1", *self.at_hub)
        self.authority = Authority(folder / "hub" / "tls")
        self.broker = Mosquitto(folder, self.authority, mosquitto)
        stack.enter_context(running(self.broker))
        text = re.sub(
            r"^broker = .*$",
            f'broker = "mqtts://127.0.0.1:{self.broker.port}"\nbroker_tls = {{ ca = "tls/ca.crt",'
            ' certificate = "tls/bridge.pem", key = "tls/bridge.pem" }\n'
            f'enrol = "http://{page}"',
            self.hub.read_text(),
            flags=re.MULTILINE,
        )
        self.hub.write_text(text)
        self.bridge = Program("bridge", folder, "bridge", "--config", self.hub)
        stack.enter_context(running(self.bridge))

    @property
    def at_hub(self) -> tuple[str, ...]:
        return "--config", str(self.hub)

    def do(self, *args: object) -> str:
        told = done(*args)
        self.said.append(told)
        return told

    def invite(self) -> tuple[list[str], str]:
        """The command that the steward passes on, and its code."""
        told = json.loads(done("hub", "invite", "home-noor", *self.at_hub, "--json"))
        return told["command"].split()[2:], told["code"]

    def enrol(self) -> list[str]:
        """All the way over the network; gives what must never be in a log."""
        command, code = self.invite()
        asking = subprocess.Popen(
            [sys.executable, "-m", "gateway", *command, "--config", str(self.house)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert asking.stdin
        assert asking.stdout
        asking.stdin.write(f"{code}\n")
        asking.stdin.close()
        words = asking.stdout.readline().strip()
        request = self.hub.parent / "enrolment" / "home-noor.request"
        until("the hub has the request", request.exists)
        assert code.encode() not in Path(f"/proc/{asking.pid}/cmdline").read_bytes()
        # Somebody else's words do not let it in.
        wrong = meterkast(
            "hub", "enrol", "home-noor", "--words", "bami bela newi kofa", *self.at_hub
        )
        assert (1, 3) == (wrong.returncode, len(wrong.stderr.splitlines()))
        self.do("hub", "enrol", "home-noor", "--words", words, *self.at_hub)
        told, talk = asking.stdout.read(), asking.stderr.read()
        assert 0 == asking.wait(timeout=20), talk
        self.said += [told, talk]
        return [code, code.replace("-", "")]

    def secrets(self) -> list[str]:
        """The secret part of every key there is, in the forms that a log could have."""
        folder = self.folder
        jwks = [*(folder / "hub" / "keys").glob("*.key"), *folder.glob("house/gateway.key")]
        pems = [*(folder / "hub" / "tls").glob("*.key"), *folder.rglob("*.pem")]
        found = [json.loads(path.read_text())["d"] for path in jwks]
        for path in pems:
            block = path.read_text().partition("-----END PRIVATE KEY")[0]
            found += [line for line in block.splitlines() if len(line) == 64]
        return [*found, (folder / "hub" / "card.key").read_text().strip()]


def own(village: Village) -> x509.Certificate:
    return x509.load_pem_x509_certificate((village.house.parent / "tls.pem").read_bytes())


def logged(program: Program, event: str) -> Callable[[], bool]:
    return lambda: event in program.log.read_text()


def test_a_gateway_is_let_in_renewed_shut_out_and_let_in_again(tmp_path, part):
    wire, line = os.openpty()
    house = tmp_path / "house"
    house.mkdir()
    (house / "gateway.toml").write_text(
        f'gateway = "raspberrypi"\n\n[device.hall]\ndriver = "p1"\nport = "{os.ttyname(line)}"\n'
    )
    with ExitStack() as stack:
        village = Village(tmp_path, stack, part("mosquitto"))
        # It runs already, for the house alone, and goes on with the community by itself.
        gateway = Program("gateway", tmp_path, "gateway", "--config", village.house)
        stack.enter_context(running(gateway))
        secrets = village.enrol()
        until("it is connected", logged(gateway, "link_up"), seconds=30)
        boundary = now_quarter()
        os.write(wire, telegram(boundary - timedelta(seconds=10), "000002.444"))
        until("a record is stored", lambda: stored(village.hub) >= 1, seconds=60)

        # Two thirds of its certificate's life have passed while it was off: it asks for the next.
        long_ago = datetime.now(UTC) - timedelta(days=70)
        key = new_key()
        old = Authority(village.authority.folder, now=lambda: long_ago)
        before = old.gateway("home-noor", key.public_key())
        gateway.end()
        text = pem_of(key) + before.public_bytes(Encoding.PEM).decode()
        (house / "tls.pem").write_text(text)
        gateway.start()
        until("it is renewed", logged(gateway, "certificate_renewed"), seconds=30)
        until("the hub says so", logged(village.bridge, "certificate_given"))
        assert village.authority.is_good(own(village), "home-noor")
        assert before.public_key() != own(village).public_key()
        secrets += village.secrets()

        # Stolen: nothing counts, and with the new list the broker shuts it out.
        village.do("hub", "revoke", "home-noor", "--reason", "stolen", *village.at_hub)
        listed = village.authority.revoked.read_bytes()
        (tmp_path / "mosquitto" / "revoked.crl").write_bytes(listed)
        gateway.end()
        village.broker.kill()
        village.broker.start()
        gateway.start()
        until("it is shut out", logged(gateway, "certificate was withdrawn"), seconds=30)
        gateway.end()

        # Another Pi by its name.
        (house / "gateway.key").unlink()
        shutil.rmtree(house / "data")
        secrets += village.enrol()
        opened = gateway.log.read_text().count("line_open")
        gateway.start()
        until("the line is open", lambda: gateway.log.read_text().count("line_open") > opened)
        os.write(wire, telegram(boundary + timedelta(seconds=5), "000002.694"))
        public = SigningKey.load(house / "gateway.key").public
        until("its word is stored", lambda: is_stored(village.hub, public), seconds=60)
        secrets += village.secrets()
        logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    # Codes in two forms, keys of hub and houses, and of five TLS keys the two full lines of each.
    assert 2 * 2 + 3 + 2 + 1 + 5 * 2 == len(set(secrets))
    assert [] == [one for one in secrets if one in logs + "".join(village.said)]
    assert "Traceback" not in logs


def is_stored(hub: Path, key: PublicKey) -> bool:
    """Whether the hub has a record that this key signed."""
    path = hub.parent / "books.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return any(signed.parse(data).by(key) for (data,) in db.execute("SELECT data FROM record"))
