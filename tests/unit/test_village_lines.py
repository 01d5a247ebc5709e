"""The far end of a line: what was said is kept as the truth, and nobody is overtaken."""

import asyncio
import os
from types import SimpleNamespace

import pytest

from firmware_sim import lines
from firmware_sim.street import Device
from firmware_sim.terminal import Terminal
from firmware_sim.truth import Steps, read_steps

PLACE = ("home", "meter")
TALKER = Device("meter", "meter", "its tongue", "any", "usual", "1")
ASKED = TALKER._replace(asked=True)


class Parrot:
    """Says what it is given, answers with its name, and is true to both."""

    def __init__(self):
        self.says = b""
        self.shows = {}

    def hears(self, data, *, now_ms):
        self.shows = {"1-0:1.8.0": now_ms, "name": "text"}
        return b"answer to " + data

    def ticks(self, now_ms):
        self.shows = {"1-0:1.8.0*1": now_ms}
        return self.says

    def truth(self):
        return self.shows


@pytest.fixture
def at_line(tmp_path):
    """Run a coroutine with a line, its device, and the descriptor that a gateway would read."""

    def run(device, body):
        async def inside():
            terminal, parrot = Terminal(tmp_path / "port"), Parrot()
            steps = Steps(tmp_path / "truth.jsonl")
            line = lines.Line(PLACE, device, parrot, terminal, steps)
            line.listen(lambda: 7_000)
            gateway = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                await body(line, parrot, gateway)
            finally:
                os.close(gateway)
                line.close()
                steps.close()

        asyncio.run(inside())
        return read_steps(tmp_path / "truth.jsonl")

    return run


async def _until_answered(line):
    async with asyncio.timeout(10):
        while not line.is_busy():
            await asyncio.sleep(0)


def test_what_a_meter_says_is_busy_until_read_and_is_the_truth_of_its_time(at_line):
    async def body(line, parrot, gateway):
        parrot.says = b"telegram"
        assert not line.is_busy()
        line.speak(10_000)
        assert line.is_busy()
        assert os.read(gateway, 100) == b"telegram"
        assert not line.is_busy()

    assert at_line(TALKER, body) == {(*PLACE, 10_000): {"1-0:1.8.0_1": 10_000}}


def test_a_meter_with_nothing_to_say_leaves_no_truth(at_line):
    async def body(line, parrot, gateway):
        line.speak(10_000)
        line.repeat()
        assert not line.is_busy()

    assert at_line(TALKER, body) == {}


def test_a_question_is_answered_at_once_by_the_villages_clock(at_line):
    async def body(line, parrot, gateway):
        os.write(gateway, b"you")
        await _until_answered(line)
        assert os.read(gateway, 100) == b"answer to you"

    assert at_line(ASKED, body) == {(*PLACE, 7_000): {"1-0:1.8.0": 7_000}}


def test_time_stands_still_a_moment_after_an_answer_was_read(at_line, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(lines, "time", SimpleNamespace(monotonic=lambda: now_s[0]))

    async def body(line, parrot, gateway):
        os.write(gateway, b"you")
        await _until_answered(line)
        os.read(gateway, 100)
        now_s[0] += lines.QUIET_S / 2
        assert line.is_busy()
        now_s[0] += lines.QUIET_S
        assert not line.is_busy()

    at_line(ASKED, body)


def test_a_telegram_is_repeated_only_when_the_one_before_was_taken(at_line):
    async def body(line, parrot, gateway):
        parrot.says = b"telegram"
        line.speak(10_000)
        line.repeat()
        assert os.read(gateway, 100) == b"telegram"
        line.repeat()
        assert os.read(gateway, 100) == b"telegram"

    at_line(TALKER, body)


def test_a_contact_has_a_count_while_it_is_silent_and_never_repeats_a_pulse(at_line):
    async def body(line, parrot, gateway):
        parrot.says = b"edges"
        line.speak(10_000)
        os.read(gateway, 100)
        line.repeat()
        assert not line.is_busy()
        parrot.says = b""
        line.speak(20_000)

    contact = TALKER._replace(counts=True)
    expected = {(*PLACE, at_ms): {"1-0:1.8.0_1": at_ms} for at_ms in (10_000, 20_000)}
    assert at_line(contact, body) == expected


def test_a_meter_that_seldom_speaks_does_so_at_its_times_only(at_line):
    async def body(line, parrot, gateway):
        parrot.says = b"telegram"
        line.speak(50_000)
        assert not line.is_busy()
        line.speak(60_000)
        assert line.is_busy()

    at_line(TALKER._replace(every_ms=60_000), body)


def test_what_was_said_is_unread_at_once(at_line):
    """Else time would go on before the kernel has carried the bytes over."""

    async def body(line, parrot, gateway):
        parrot.says = b"telegram"
        for step in range(1, 500):
            line.speak(step * 10_000)
            assert line.is_busy(), step
            os.read(gateway, 100)

    at_line(TALKER, body)
