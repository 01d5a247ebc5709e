"""Updates that are broken on purpose, with real gateways: the one before comes back, whatever the
new one did to the journal, and the hub has every record once.

What systemd does is done here by a small manager of the same manners; with systemd itself:
tests/system/test_packages.py.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.update.place import Place
from gateway.update.trial import State, watch
from tests.bench.gateway import Street, command, moved
from tests.bench.journal import MIDNIGHT_MS
from tests.system.programs import Program, end, until
from tests.system.test_hub_link import Line

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
QUARTER_MS = 900_000
READY_S_MAX = 10.0
# A second here is so many of the trial.
FAST = 15.0
# Some time after it got ready it falls over: what it made until then is in the journal and sent.
FALLS = """
import os
_serving = _serve
async def _serve(*given, **more):
    asyncio.get_running_loop().call_later(4, os._exit, 3)
    await _serving(*given, **more)
"""


def version(place: Place, name: str, source: Path) -> str:
    """An environment that runs the source in a folder."""
    program = place.root / "versions" / name / "bin" / "meterkast"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nexport PYTHONPATH={source}\nexec {sys.executable} -m gateway "$@"\n'
    )
    program.chmod(0o755)
    program.with_name("python").symlink_to(sys.executable)
    return f"versions/{name}"


def changed(folder: Path, edits: dict[str, Callable[[str], str]]) -> Path:
    """The source with some files of it edited."""
    for package in ("gateway", "drivers"):
        shutil.copytree(ROOT / package, folder / package)
    for name, edit in edits.items():
        path = folder / "gateway" / name
        path.write_text(edit(path.read_text()))
    return folder


class Manager:
    """Runs what `current` leads to as systemd would: ready, ended and started again, timed out."""

    def __init__(self, place: Place, street: Street) -> None:
        self._place, self._street = place, street
        self._ends, self._result = 0, "success"
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(f"\0meterkast-update-{os.getpid()}-{time.monotonic_ns()}")
        self._notified.setblocking(False)
        self._start()

    def _start(self) -> None:
        with suppress(BlockingIOError):
            while self._notified.recv(4096):
                pass
        self._is_ready, self._until_s = False, time.monotonic() + READY_S_MAX
        with (self._street.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._place.root / "current/bin/meterkast",
                    "gateway",
                    "--config",
                    self._street.toml,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._street.folder,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": f"@{self._notified.getsockname()[1:].decode()}",
                },
            )

    def running_from(self, _: Place) -> list[str]:
        return ["meterkast-gateway.service"]

    def state(self, _: str) -> State:
        with suppress(BlockingIOError):
            while data := self._notified.recv(4096):
                self._is_ready |= b"READY=1" in data.splitlines()
        if self._process.poll() is not None:
            self._ends += 1
            self._start()
        elif not self._is_ready and time.monotonic() > self._until_s:
            self._process.kill()
            self._process.wait()
            return State("activating", 0, self._ends + 1, "timeout")
        active = "active" if self._is_ready else "activating"
        return State(active, self._process.pid, self._ends, self._result)

    def restart(self, _: str) -> None:
        end(self._process)
        self._ends, self._result = 0, "success"
        self._start()

    def is_ready(self) -> bool:
        return self.state("").active == "active"

    def close(self) -> None:
        end(self._process)
        self._notified.close()


class Updated(Line):
    """The street, whose gateway runs from a place of versions."""

    def __init__(self, folder: Path) -> None:
        self._wire, self._line = os.openpty()
        Street.__init__(self, folder, port=os.ttyname(self._line))
        self.hub = folder / "hub" / "bridge.toml"
        self._quarter, self._chance = 0, random.Random(1)
        self.broker, self.bridge = Program(*self._broker), Program(*self._bridge)
        self.place = Place(folder / "opt")
        self.place.root.mkdir()
        version(self.place, "0.1.0", ROOT)
        self.place._lead("current", "versions/0.1.0")
        self.manager = Manager(self.place, self)

    def __enter__(self):
        until("the line is open", self._opened)
        return self

    def __exit__(self, *_: object) -> None:
        self.manager.close()
        for program in (self.bridge, self.broker):
            program.end()
        os.close(self._wire)
        os.close(self._line)

    def _opened(self) -> int:
        path = self.folder / "gateway.log"
        return path.read_text().count("line_open") if path.exists() else 0

    def is_open(self) -> bool:
        """Whether the process that runs now has opened its line."""
        lived = (self.folder / "gateway.log").read_text().rpartition("journal_went_back")[2]
        return "line_open" in lived

    def says(self) -> None:
        """The meter says what it counted at the next quarter-hour."""
        os.write(self._wire, moved(MIDNIGHT_MS + self._quarter * QUARTER_MS, self._chance))
        self._quarter += 1

    def update(self, name: str, source: Path, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Another version, watched over; `meanwhile` is done again and again."""
        self.place.begin(version(self.place, name, source))
        self.manager.restart("")

        def sleep(seconds: float) -> None:
            meanwhile()
            time.sleep(seconds / FAST)

        watch(
            self.place,
            self.manager,
            tell=lambda _: None,
            now_s=lambda: time.monotonic() * FAST,
            sleep=sleep,
        )


def test_an_update_that_falls_over_loses_no_record_though_it_changed_the_journal(tmp_path):
    source = changed(
        tmp_path / "newer",
        {
            "journal/file.py": lambda text: text.replace(
                "SCHEMA_VERSION = 4", "SCHEMA_VERSION = 5"
            ),
            "journal/journal.sql": lambda text: (
                text + "CREATE TABLE IF NOT EXISTS mood (x TEXT);\n"
            ),
            "journal/upgrade.sql": lambda _: "-- Here journal.sql makes the tables.\n",
            "run.py": lambda text: text + FALLS,
        },
    )
    with Updated(tmp_path) as street:
        street.quarter()
        opened, heard = street._opened(), 0

        def meanwhile() -> None:
            # Once in each life of the newer version.
            nonlocal heard
            if street._opened() > opened + heard:
                heard += 1
                street.says()

        street.update("0.2.0", source, meanwhile)
        assert "versions/0.1.0" == street.place.current
        assert "meterkast-gateway.service ended 2 times" == street.place.taken_back.why
        assert heard >= 2
        until("the one before is back", street.manager.is_ready)
        assert "event=journal_went_back" in (tmp_path / "gateway.log").read_text()
        until("its line is open", street.is_open)
        street.says()
        until("all is at the hub", lambda: len(street.boundaries()) == 2 + heard, seconds=60)
        until("all is receipted", lambda: street.pending() == 0)
        # One chain of evidence, without a gap, under no number twice.
        chains = street.chains()
        assert ["evidence", "samples"] == sorted(kind for kind, _, _ in chains)
        assert {""} == {held for _, _, held in chains}
        command("verify", "--config", street.hub)


def test_updates_that_do_not_start_are_taken_back_and_one_that_runs_is_kept(tmp_path, monkeypatch):
    falls = changed(tmp_path / "falls", {"run.py": lambda _: "import nothing_of_the_kind\n"})
    hangs = changed(
        tmp_path / "hangs",
        {"run.py": lambda text: text.replace('notify(READY="1"', 'notify(NO="1"')},
    )
    with Updated(tmp_path) as street:
        street.quarter()
        street.update("0.2.0", falls)
        assert "meterkast-gateway.service ended 2 times" == street.place.taken_back.why
        with monkeypatch.context() as soon:
            soon.setattr(sys.modules[__name__], "READY_S_MAX", 4.0)
            street.update("0.3.0", hangs)
        assert "meterkast-gateway.service did not get ready" == street.place.taken_back.why
        until("the one before is back", street.manager.is_ready)
        street.update("0.4.0", ROOT)
        assert ("", "versions/0.4.0") == (street.place.on_trial, street.place.current)
        assert (None, "versions/0.1.0") == (street.place.taken_back, street.place.previous)
        street.quarter()
