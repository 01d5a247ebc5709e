"""Faults of a line, against bits drawn on paper, and the port that is pulled out."""

import os
from random import Random

import pytest

from firmware_sim import device
from firmware_sim.command import sim
from firmware_sim.faults import (
    EIGHT,
    FAULTS,
    SEVEN,
    Frame,
    Line,
    doubled,
    dropped,
    flipped,
    inverted,
    levels,
    overrun,
    seen,
)
from firmware_sim.terminal import Terminal
from gateway.contract.errors import UsageError


def test_a_character_is_a_start_bit_its_bits_lowest_first_parity_and_a_stop_bit():
    assert levels(b"A", EIGHT) == [0, 1, 0, 0, 0, 0, 0, 1, 0, 1]
    assert levels(b"A", SEVEN) == [0, 1, 0, 0, 0, 0, 0, 1, 0, 1]
    assert levels(b"C", SEVEN) == [0, 1, 1, 0, 0, 0, 0, 1, 1, 1]


def test_a_line_that_both_sides_set_alike_changes_nothing():
    every = bytes(range(256))
    assert seen(every, sent=EIGHT, read=EIGHT) == every


@pytest.mark.parametrize(
    ("sent", "expected"), [(b"1", b"\xb1"), (b"A", b"A"), (b"\r\n", b"\x8d\n"), (b"C", b"\xc3")]
)
def test_7e1_read_as_8n1_shows_even_parity_in_bit_7(sent, expected):
    assert seen(sent, sent=SEVEN, read=EIGHT) == expected


def test_8n1_read_as_7e1_loses_bit_7():
    assert seen(b"\xb1A\xff", sent=EIGHT, read=SEVEN) == b"1A\x7f"


# The line of U is 0101010101. A bit of the reader lasts as long as 2, 4 or half a bit of it.
@pytest.mark.parametrize(
    ("baud", "expected"),
    [(4_800, b"\xff"), (2_400, b"\xfe"), (19_200, b"\x66\xe6")],
    ids=["half", "a quarter", "double"],
)
def test_u_at_9600_baud_read_at_another_speed(baud, expected):
    assert seen(b"U", sent=EIGHT, read=Frame(baud)) == expected


# 0F is 0 11110000 1; with its levels swapped it is 1 00001111 0 on a line that idles at 0. So the
# first fall comes one bit late, and the eight bits after it are 00011110.
@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"\x00", b"\x00"), (b"\x55", b"\x55"), (b"\xff", b"\x00"), (b"\x0f", b"\x78")],
)
def test_a_byte_on_a_line_with_swapped_levels(sent, expected):
    assert inverted(sent) == expected


def test_chance_strikes_about_as_often_as_it_says():
    many = bytes(100_000)
    assert 720 < sum(byte.bit_count() for byte in flipped(many, Random(1))) < 880
    assert 99_600 < len(dropped(many, Random(1))) < 99_730
    assert 100_270 < len(doubled(many, Random(1))) < 100_400
    assert flipped(many, Random(1)) == flipped(many, Random(1))


def test_an_overrun_loses_sixteen_bytes_of_some_utterances():
    chance = Random(1)
    said = bytes(range(100))
    lengths = [len(overrun(said, chance)) for _ in range(200)]
    assert set(lengths) == {84, 100}
    assert 30 < lengths.count(84) < 70


class Speaker:
    """Says one byte more each time, and answers in capitals."""

    def __init__(self):
        self._said = 0

    def hears(self, data, *, now_ms):
        del now_ms
        return data.upper()

    def ticks(self, now_ms):
        del now_ms
        self._said += 1
        return bytes(range(0x30, 0x30 + self._said))

    def truth(self):
        return {"said": self._said}


def test_an_echo_comes_before_the_answer():
    assert Line(Speaker(), ["echo"], 7).hears(b"ask", now_ms=0) == b"askASK"
    assert Line(Speaker(), [], 7).hears(b"ask", now_ms=0) == b"ASK"


def test_silence_is_silent_and_a_mended_line_is_not():
    line = Line(Speaker(), ["silence", "echo"], 7)
    assert line.ticks(0) == b""
    assert line.hears(b"ask", now_ms=0) == b"ask"
    line.mend()
    assert line.ticks(0) == b"01"
    assert line.hears(b"ask", now_ms=0) == b"ASK"
    assert line.truth() == {"said": 2}


def test_two_that_run_together_come_with_the_second():
    line = Line(Speaker(), ["run-together"], 7)
    assert [line.ticks(n) for n in range(4)] == [b"", b"001", b"", b"0120123"]


def test_a_line_that_is_cut_says_the_beginning_of_all_and_then_nothing():
    line = Line(Speaker(), ["cut"], 7)
    whole = Line(Speaker(), [], 7)
    said = b"".join(line.ticks(n) for n in range(100))
    assert 0 < len(said) < 200
    assert b"".join(whole.ticks(n) for n in range(100)).startswith(said)
    assert line.ticks(100) == b""


def test_a_late_listener_misses_the_beginning_of_the_first_only():
    line = Line(Speaker(), ["late-start"], 7)
    assert [line.ticks(n) for n in range(3)] == [b"", b"01", b"012"]


def test_faults_act_one_after_the_other():
    line = Line(Speaker(), ["parity", "no-parity"], 7)
    line.ticks(0)
    assert line.ticks(0) == b"01"
    assert Line(Speaker(), ["silence", "parity"], 7).ticks(0) == b""


def test_every_fault_says_what_it_is():
    assert [name for name, fault in FAULTS.items() if not fault.meaning] == []


@pytest.fixture
def port(tmp_path):
    port = Terminal(tmp_path / "ports" / "hall")
    yield port
    port.close()


def test_a_port_that_was_pulled_out_is_back_under_another_name(port):
    before = port.path.readlink()
    program = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    port.unplug()
    assert not port.path.is_symlink()
    assert os.read(program, 1) == b""
    os.close(program)
    port.write(b"said to nobody")
    port.plug_in()
    assert port.path.readlink() != before
    program = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    port.write(b"new")
    assert os.read(program, 99) == b"new"
    os.close(program)


def test_an_unknown_fault_is_answered_with_the_known_ones():
    name = next(device.names())
    with pytest.raises(UsageError) as refusal:
        sim(name, fault=["bitflips"])
    assert str(refusal.value) == (
        "error: no fault of a line is called 'bitflips'\n"
        "where: meterkast sim\n"
        f"try:   bit-flips   ({', '.join(FAULTS)}, unplug)"
    )
