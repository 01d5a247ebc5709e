"""A contact has no memory: what the gateway counted survives SIGKILL, all but the last 10 s of it.

The contact is a pseudo-terminal into which edges are written; nothing of ours speaks on the line.
"""

import json
import os
import sqlite3
import struct
import tty
import urllib.request

import pytest

from tests.system.programs import Program, free_port, running, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

EVENT = struct.Struct("<QIIII24x")
NOON_MS = 1_782_036_000_000
SECOND_NS = 1_000_000_000


class Contact:
    """Closes for 40 ms at each second of the kernel's clock."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.path = os.ttyname(self.theirs)
        self._pulses = 0

    def pulse(self, times):
        for _ in range(times):
            self._pulses += 1
            stamp, number = self._pulses * SECOND_NS, 2 * self._pulses
            os.write(self.ours, EVENT.pack(stamp, 2, 17, number - 1, number - 1))
            os.write(self.ours, EVENT.pack(stamp + SECOND_NS // 25, 1, 17, number, number))


class House:
    """A gateway with one contact, in a time that is set by hand."""

    def __init__(self, folder, contact):
        self._page, self._now = free_port(), folder / "clock"
        self._journal = folder / "data" / "journal.db"
        self.pass_s(0)
        config = folder / "gateway.toml"
        config.write_text(
            f'gateway = "home"\npage = "127.0.0.1:{self._page}"\n\n'
            f'[device.roof]\ndriver = "s0"\nport = "{contact.path}"\nregister = "1-0:2.8.0"\n'
            "count = 100\n"
        )
        clock = {"METERKAST_CLOCK": str(self._now)}
        self.gateway = Program("gateway", folder, "gateway", "--config", config, env=clock)

    def pass_s(self, seconds):
        now_ms = int(self._now.read_text()) if self._now.exists() else NOON_MS
        beside = self._now.with_name("clock.new")
        beside.write_text(str(now_ms + seconds * 1000))
        beside.replace(self._now)

    def count(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/api/now") as answer:
            roof = json.loads(answer.read())["devices"]["roof"]
        return roof["readings"].get("1-0:2.8.0", {}).get("value")

    def counts(self, pulses):
        until(f"{pulses} pulses are shown", lambda: self.count() == pulses)

    def kept(self):
        db = sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT pulses FROM contact").fetchall()
        finally:
            db.close()
        return rows[0][0] if rows else None

    def cut(self):
        self.gateway.kill()
        self.gateway.start()


@pytest.fixture
def contact():
    wired = Contact()
    yield wired
    os.close(wired.ours)
    os.close(wired.theirs)


def test_a_count_goes_on_after_two_power_cuts_and_counts_nothing_twice(tmp_path, contact):
    house = House(tmp_path, contact)
    with running(house.gateway):
        house.counts(100)
        contact.pulse(50)
        house.counts(150)
        house.pass_s(10)
        until("150 pulses are kept", lambda: house.kept() == 150)
        contact.pulse(7)
        house.counts(157)
        house.cut()
        house.counts(150)  # the last seven came within 10 s
        contact.pulse(3)
        house.counts(153)
        house.pass_s(10)
        until("153 pulses are kept", lambda: house.kept() == 153)
        house.cut()
        house.counts(153)
        contact.pulse(1)
        house.counts(154)


def test_a_gateway_that_is_told_to_stop_keeps_every_pulse(tmp_path, contact):
    house = House(tmp_path, contact)
    with running(house.gateway):
        house.counts(100)
        contact.pulse(5)
        house.counts(105)
        house.gateway.end()
        assert house.kept() == 105
        house.gateway.start()
        house.counts(105)
