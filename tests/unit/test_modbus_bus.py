"""Several meters on one RS-485 line: each has its turn, and none is read as another."""

import asyncio
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import sdm120, sdm630
from drivers.reading import Message
from firmware_sim.devices import sdm120 as simulated_120
from firmware_sim.devices import sdm630 as simulated_630
from firmware_sim.modbus import Slave, house
from gateway.lines.lines import DeviceLine, Listener, Member

NOON_MS = 1_782_036_000_000


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    link = tmp_path / "bus"
    link.symlink_to(os.ttyname(theirs))
    yield ours, link
    os.close(ours)
    os.close(theirs)


class Bus:
    """Slaves at the far end, and what was asked and told in order."""

    def __init__(self, descriptor: int, slaves: list[Slave]) -> None:
        self._descriptor = descriptor
        self._slaves = slaves
        self.asked: list[bytes] = []
        self.told: dict[str, list[Message]] = {}
        self.now_ms = NOON_MS

    def member(self, name: str, driver, **settings: str) -> Member:
        told = self.told.setdefault(name, [])
        listener = Listener(message=told.append, opened=lambda: None, lost=lambda: None)
        return Member(name, driver, lambda: settings, listener)

    async def run(self) -> None:
        """A millisecond of theirs for each look at the line."""
        while True:
            try:
                heard = os.read(self._descriptor, 4096)
            except BlockingIOError:
                heard = b""
            self.now_ms += 1
            if heard:
                self.asked.append(heard)
            said = b"".join(
                slave.hears(heard, now_ms=self.now_ms) if heard else slave.ticks(self.now_ms)
                for slave in self._slaves
            )
            if said:
                os.write(self._descriptor, said)
            await asyncio.sleep(0.001)


async def _until(bus: Bus, link: Path, members: list[Member], done) -> None:
    tasks = [
        asyncio.create_task(bus.run()),
        asyncio.create_task(DeviceLine(str(link), members).run()),
    ]
    try:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.005)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _values(messages: list[Message]) -> set[tuple[str, int | str]]:
    return {(one.register, one.value) for message in messages for one in message.readings}


QUICK = {"interval": "1", "timeout_ms": "150", "pause_ms": "2"}


def test_two_meters_on_one_line_take_turns_and_keep_their_own_values(ends):
    ours, link = ends
    one = Slave(simulated_630.USUAL._replace(late_ms=20), house(1))
    two = Slave(simulated_120.USUAL._replace(address=2, late_ms=20), house(2))
    bus = Bus(ours, [one, two])
    members = [
        bus.member("one", sdm630.DEVICE, **QUICK),
        bus.member("two", sdm120.DEVICE, address="2", **QUICK),
    ]
    asyncio.run(
        _until(bus, link, members, lambda: all(len(told) >= 2 for told in bus.told.values()))
    )
    # One question at a time, and a meter's whole round before the other's.
    assert {len(question) for question in bus.asked} == {8}
    addresses = [question[0] for question in bus.asked]
    assert addresses[:7] == [1, 1, 1, 2, 2, 2, 2]
    assert ("0-0:96.1.0", "20123456") in _values(bus.told["one"])
    assert ("0-0:96.1.0", "18051234") in _values(bus.told["two"])
    for name in ("one", "two"):
        assert [fault for message in bus.told[name] for fault in message.faults] == []


def test_a_dead_meter_does_not_hold_up_the_other(ends):
    ours, link = ends
    bus = Bus(ours, [Slave(simulated_120.USUAL._replace(address=2), house(2))])
    members = [
        bus.member("dead", sdm630.DEVICE, **QUICK | {"timeout_ms": "30"}),
        bus.member("alive", sdm120.DEVICE, address="2", **QUICK),
    ]
    asyncio.run(
        _until(
            bus,
            link,
            members,
            lambda: len(bus.told["alive"]) >= 2 and len(bus.told["dead"]) >= 2,
        )
    )
    assert {f.kind for message in bus.told["dead"] for f in message.faults} == {"silent"}
    assert _values(bus.told["dead"]) == set()
    assert [fault for message in bus.told["alive"] for fault in message.faults] == []


def test_an_answer_that_comes_in_anothers_turn_is_never_read_as_its_own(ends):
    ours, link = ends
    # The first answers after all three tries and the pause, when the second is asked.
    late = Slave(simulated_630.USUAL._replace(late_ms=135), house(1))
    prompt = Slave(simulated_120.USUAL._replace(address=2, late_ms=30), house(2))
    bus = Bus(ours, [late, prompt])
    members = [
        bus.member("late", sdm630.DEVICE, **QUICK | {"timeout_ms": "40"}),
        bus.member("prompt", sdm120.DEVICE, address="2", **QUICK),
    ]
    asyncio.run(
        _until(
            bus,
            link,
            members,
            lambda: sum(bool(message.readings) for message in bus.told["prompt"]) >= 2,
        )
    )
    serials = {r.serial for message in bus.told["prompt"] for r in message.readings}
    assert serials == {"18051234"}
    counters = {value for register, value in _values(bus.told["prompt"]) if register == "1-0:1.8.0"}
    (shown,) = {house(2)(NOON_MS)["1-0:1.8.0"]}
    assert all(abs(value - shown) < 10**6 for value in counters)
