"""A gateway and its hub, as whole programs: keys change, copies come back, and nothing is lost."""

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self

import pytest

from gateway.contract import record
from gateway.contract.record import QUARTER
from tests.bench.gateway import NUMBERS, Street, command, delivered_s, moved
from tests.bench.journal import MIDNIGHT_MS
from tests.system.programs import Program, until

pytestmark = pytest.mark.system

QUARTER_MS = 900_000


class Line(Street):
    """The street, with everything running and a meter that says what it is told to."""

    def __init__(self, folder) -> None:
        self._wire, self._line = os.openpty()
        super().__init__(folder, port=os.ttyname(self._line))
        self.hub = folder / "hub" / "bridge.toml"
        self._quarter = 0
        self._chance = random.Random(1)
        self.broker, self.bridge = Program(*self._broker), Program(*self._bridge)
        self.gateway = Program("gateway", folder, "gateway", "--config", self.toml)

    def __enter__(self) -> Self:
        until("the line is open", self._opened)
        return self

    def __exit__(self, *_: object) -> None:
        for program in (self.gateway, self.bridge, self.broker):
            program.end()
        os.close(self._wire)
        os.close(self._line)

    def quarter(self) -> None:
        """The meter says what it counted at the next quarter-hour, and the hub has it."""
        os.write(self._wire, moved(MIDNIGHT_MS + self._quarter * QUARTER_MS, self._chance))
        self._quarter += 1
        until("the hub has it", lambda: len(self.boundaries()) == self._quarter)

    @contextmanager
    def without_gateway(self) -> Iterator[None]:
        """What is done meanwhile; then the gateway has opened its line again."""
        self.gateway.end()
        yield
        opened = self._opened()
        self.gateway.start()
        until("the line is open", lambda: self._opened() > opened)

    def _opened(self) -> int:
        return self.gateway.log.read_text().count("line_open")

    def chains(self) -> list[tuple[str, int, str]]:
        """(kind, how far, why it is held) of each chain that the hub has."""
        path = self.folder / "hub" / "books.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT chain, up_to, held FROM chain").fetchall()
        return [(chain.partition("-")[0], up_to, held) for chain, up_to, held in rows]

    def boundaries(self) -> list[int]:
        """The quarter-hours that the hub has records of, counted from midnight."""
        path = self.folder / "hub" / "books.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT data FROM record").fetchall()
        packs = [one for _, one in (record.parse(data) for (data,) in rows) if one.typ == QUARTER]
        times = {one.identity.made_ms + record.milli(one.elements[0].t) for one in packs}
        return sorted((at_ms - MIDNIGHT_MS) // QUARTER_MS for at_ms in times)


def test_keys_change_and_copies_come_back_and_nothing_is_held_or_lost(tmp_path):
    with Line(tmp_path) as line:
        line.quarter()
        tell = ("hub", "tell", "home", "telegram", "--device", "hall", "--config", line.hub)
        assert "home is told to telegram: done" == command(*tell).splitlines()[0]
        # Both sides get other keys.
        command("hub", "rotate", "bridge", "--config", line.hub)
        with line.without_gateway():
            command("enrol", "--rotate", "--config", line.toml)
        line.quarter()
        until("all is receipted", lambda: line.pending() == 0)
        assert "forged" not in line.gateway.log.read_text()
        # A copy of the journal is put back, which is older than what the hub has.
        with line.without_gateway():
            shutil.copytree(tmp_path / "data", tmp_path / "copy")
        line.quarter()
        until("all is receipted", lambda: line.pending() == 0)
        with line.without_gateway():
            shutil.rmtree(tmp_path / "data")
            shutil.copytree(tmp_path / "copy", tmp_path / "data")
        line.quarter()
        until("all is receipted", lambda: line.pending() == 0)
        assert "journal_is_an_old_copy" in line.gateway.log.read_text()
        assert {"evidence", "samples"} == {kind for kind, _, _ in line.chains()}
        assert {""} == {held for _, _, held in line.chains()}
        assert [0, 1, 2, 3] == line.boundaries()
        command("verify", "--config", line.hub)


def test_what_waited_for_an_hour_is_receipted(tmp_path):
    readings, _ = delivered_s(tmp_path, minutes=60)
    assert (60 + 4) * 2 * NUMBERS == readings
