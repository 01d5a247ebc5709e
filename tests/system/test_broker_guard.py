"""A Mosquitto whose file a power cut spoilt starts again, by the guard that is shipped with it."""

import os
import random
import shutil
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as mqtt
import pytest

from tests.system.brokers import SHIPPED
from tests.system.programs import end, free_port, kill, until

pytestmark = pytest.mark.system

GUARD = SHIPPED / "persistence-guard"


class Broker:
    """A Mosquitto that keeps its file in a folder."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.kept = folder / "mosquitto.db"
        self.port = free_port()
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\n"
            f"persistence true\npersistence_location {folder}/\nlog_dest none\n"
        )

    def start(self) -> bool:
        """Whether it starts."""
        self.process = subprocess.Popen([self._program, "-c", self._config])
        while self.process.poll() is None:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
        return False

    def fill(self) -> bytes:
        """What it keeps after an orderly end: retained messages, and some that wait."""
        assert self.start()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        said = [client.publish(f"a/{n}", b"x" * 50, qos=1, retain=True) for n in range(20)]
        until("all is said", lambda: all(one.is_published() for one in said))
        client.disconnect()
        client.loop_stop()
        end(self.process)
        return self.kept.read_bytes()

    def guard(self) -> str:
        """What the guard says."""
        told = subprocess.run([GUARD, self.folder], capture_output=True, text=True, check=True)
        return told.stderr

    def aside(self) -> list[Path]:
        return sorted(self.folder.glob("mosquitto.db.*"))


@pytest.fixture
def broker(tmp_path, part) -> Broker:
    return Broker(tmp_path, part("mosquitto"))


def test_what_can_be_read_stays_as_it_is(broker):
    before = broker.fill()
    assert ("", before, []) == (broker.guard(), broker.kept.read_bytes(), broker.aside())


def test_nothing_kept_is_nothing_to_look_at(broker):
    assert ("", False) == (broker.guard(), broker.kept.exists())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: data[:-7], id="cut"),
        pytest.param(lambda data: data[:20] + b"\xff" + data[21:], id="another-version"),
        pytest.param(lambda _: b"something else", id="something-else"),
    ],
)
def test_what_mosquitto_cannot_start_with_is_put_aside_and_it_starts(broker, spoil):
    spoilt = spoil(broker.fill())
    broker.kept.write_bytes(spoilt)
    assert not broker.start()
    assert "cannot be read" in broker.guard()
    assert [spoilt] == [path.read_bytes() for path in broker.aside()]
    assert broker.start()
    kill(broker.process)


def test_however_it_is_spoilt_only_what_mosquitto_refuses_is_put_aside(broker):
    chance, good = random.Random(7), broker.fill()
    seen = set()
    for _ in range(10):
        data = bytearray(good)
        begin, length = chance.randrange(80), chance.choice((1, 8, 512))
        data[begin : begin + length] = chance.randbytes(length)
        broker.kept.write_bytes(data)
        does_start = broker.start()
        kill(broker.process)
        seen.add((does_start, broker.guard() == ""))
        assert broker.start()
        kill(broker.process)
    assert {(True, True), (False, False)} == seen


def test_of_what_was_put_aside_the_newest_three_are_kept(broker):
    for day in range(1, 6):
        old = broker.folder / f"mosquitto.db.2026010{day}T000000Z"
        old.write_bytes(b"old")
        os.utime(old, (day, day))
    broker.kept.write_bytes(b"something else")
    assert broker.guard()
    assert [b"old", b"old", b"something else"] == [path.read_bytes() for path in broker.aside()]
    assert "mosquitto.db.20260104T000000Z" == broker.aside()[0].name


def test_a_mosquitto_that_does_not_start_at_all_loses_nothing_to_the_guard(broker, tmp_path):
    broker.kept.write_bytes(b"something else")
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "mosquitto").write_text("#!/bin/sh\nexit 1\n")
    (bare / "mosquitto").chmod(0o755)
    path = {"PATH": f"{bare}:/usr/bin:/bin"}
    subprocess.run([GUARD, tmp_path], env=path, check=True)
    assert b"something else" == broker.kept.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_looks_at_it_with_no_more_rights_than_its_owner_has(part):
    """Where somebody has broken into Mosquitto, and left a link to what only root can read."""
    part("mosquitto")
    with TemporaryDirectory() as name:
        top, folder = Path(name), Path(name) / "mosquitto"
        top.chmod(0o755)
        guard = Path(shutil.copy(GUARD, top))
        folder.mkdir()
        shutil.chown(folder, "mosquitto")
        secret = top / "secret"
        secret.write_text("for root alone")
        secret.chmod(0o600)
        kept = folder / "mosquitto.db"
        kept.symlink_to(secret)
        told = subprocess.run([guard, folder], capture_output=True, text=True, check=True)
        # Mosquitto starts where it may not read its file: root would have seen what is wrong in it.
        assert ("", secret) == (told.stderr, kept.readlink())
        assert "for root alone" == secret.read_text()
