"""A terminal that tells its weight by itself: every status bit, and whether a checksum is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import toledo
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Send, SettingError
from drivers.wire.sevenbits import EVEN, ODD, PLAIN
from firmware_sim.devices import toledo as simulated
from tests.talk import Talk

# 3 decimals, steps of 5; kilograms, gross, at rest; tare 0: 3.425 kg.
A, B, C = 0x3D, 0x30, 0x20
KG, NET, MINUS, OUT, MOVES, UNZEROED = 0x10, 0x01, 0x02, 0x04, 0x08, 0x40


def _frame(a: int = A, b: int = B, c: int = C, digits: bytes = b"003425000000") -> bytes:
    return bytes((0x02, a, b, c)) + digits + b"\r"


def _summed(frame: bytes) -> bytes:
    """As the manual says: 128 less the sum of what goes before, by its seven low bits."""
    return frame + bytes(((128 - sum(frame) % 128) % 128,))


def _said(frame: bytes) -> Message:
    message = toledo.DEVICE.open({"checksum": "yes"}).feed(_summed(frame))[0]
    assert isinstance(message, Message)
    return message


def _reading(register: str, value: int, doubt: str = "") -> Reading:
    return Reading(register, value, "mg", None, "", None, doubt)


def test_the_checksum_is_that_of_the_manual() -> None:
    """2 + 61 + 48 + 32, twelve digits of 12 x 48 + 14, 13: 746 is 22 short of 6 x 128."""
    assert b"\x16" == _summed(_frame())[-1:]
    assert _said(_frame()).readings == (_reading("gross", 3_425_000), _reading("tare", 0))


@pytest.mark.parametrize(
    ("mg", "point", "unit"),
    [
        (342_500_000_000, 0, "kg"),
        (34_250_000_000, 1, "kg"),
        (3_425_000_000, 2, "kg"),
        (342_500_000, 3, "kg"),
        (34_250_000, 4, "kg"),
        (3_425_000, 5, "kg"),
        (342_500, 6, "kg"),
        (34_250, 7, "kg"),
        (342_500_000, 0, "g"),
        (3_425, 5, "g"),
        (34, 7, "g"),
        (3_425_000_000, 5, "t"),
    ],
)
def test_the_point_stands_where_the_first_status_byte_says(mg: int, point: int, unit: str) -> None:
    c = {"kg": 0x20, "g": 0x21, "t": 0x22}[unit]
    assert mg == _said(_frame(0x38 | point, B, c)).readings[0].value


@pytest.mark.parametrize(
    ("readings", "b", "digits"),
    [
        ((_reading("gross", -3_425_000), _reading("tare", 0)), B | MINUS, b"003425000000"),
        ((_reading("net", 3_425_000), _reading("tare", 1_500_000)), B | NET, b"003425001500"),
        (
            (_reading("net", -500_000), _reading("tare", 1_500_000)),
            B | NET | MINUS,
            b"   500  1500",
        ),
        ((_reading("gross", 0), _reading("tare", 0)), B | MINUS, b"000000000000"),
        ((_reading("gross", 3_425_000),), B, b"003425"),
        ((_reading("gross", 3_425_000),), B, b"  3425      "),
        (
            (_reading("gross", 3_425_000, "unstable"), _reading("tare", 0, "unstable")),
            B | MOVES,
            b"003425000000",
        ),
    ],
)
def test_gross_or_net_comes_with_the_tare(
    readings: tuple[Reading, ...], b: int, digits: bytes
) -> None:
    assert readings == _said(_frame(A, b, C, digits)).readings


@pytest.mark.parametrize(
    ("kinds", "b", "c", "digits"),
    [
        (["over"], B | OUT, C, b"060000000000"),
        (["over"], B | OUT | MOVES, C, b"060000000000"),
        (["under"], B | OUT | MINUS, C, b"001000000000"),
        (["unzeroed"], B | UNZEROED, C, b"000000000000"),
        (["over", "unzeroed", "blank"], B | OUT | UNZEROED, C, b"      000000"),
        (["unit"], B ^ KG, C, b"003425000000"),
        (["unit"], B, C | 3, b"003425000000"),
        (["unit"], B, C | 7, b"003425000000"),
        (["expanded"], B, C | 0x10, b"003425000000"),
        (["blank"], B, C, b"      000000"),
        (["blank"], B, C, b"00 425000000"),
        (["blank"], B, C, b"0034250 0000"),
    ],
)
def test_what_is_no_good_weight_is_none(kinds: list[str], b: int, c: int, digits: bytes) -> None:
    message = _said(_frame(A, b, c, digits))

    assert message.readings == ()
    assert kinds == [fault.kind for fault in message.faults]


@pytest.mark.parametrize("constant", [0, 0x20])
def test_of_all_status_bytes_only_those_of_a_good_weight_are_one(constant: int) -> None:
    good = {0x10, 0x11, 0x12, 0x13, 0x30, 0x31, 0x32, 0x33}
    moving = {byte | MOVES for byte in good}
    for b in range(128):
        readings = _said(_frame(A, b, constant)).readings
        assert bool(readings) == (b in good | moving), hex(b)
        assert {reading.doubt for reading in readings} <= ({"unstable"} if b in moving else {""})


@pytest.mark.parametrize("c", range(128))
def test_of_all_third_bytes_only_those_of_a_known_unit_are_a_weight(c: int) -> None:
    is_known = c & 0b0111 in {0, 1, 2} and not c & 0x10
    assert is_known == bool(_said(_frame(A, B, c)).readings)


@given(
    status=st.binary(min_size=3, max_size=3).map(lambda raw: raw.translate(PLAIN)),
    digits=st.text(" 019", min_size=12, max_size=12),
    is_short=st.booleans(),
)
def test_a_frame_of_any_status_and_digits_is_a_weight_or_a_fault(
    status: bytes, digits: str, is_short: bool
) -> None:
    shown = digits[:6] if is_short else digits
    message = _said(_frame(*status, shown.encode()))

    assert bool(message.readings) != bool(message.faults)


def _told(session, stream: bytes) -> list[str]:
    """Of each message its doubt if it has readings, else its fault."""
    messages = [step for step in session.feed(stream) if isinstance(step, Message)]
    return [m.readings[0].doubt if m.readings else m.faults[0].kind for m in messages]


def test_three_frames_in_a_row_show_that_a_line_has_checksums() -> None:
    session = toledo.DEVICE.open({})

    assert [] == _told(session, _summed(_frame()) * 2)
    assert ["", "", ""] == _told(session, _summed(_frame()))


def test_three_frames_in_a_row_show_that_a_line_has_none() -> None:
    session = toledo.DEVICE.open({})

    assert [] == _told(session, _frame() * 2)
    assert ["unchecked", "unchecked", "unchecked"] == _told(session, _frame())


def test_a_line_that_has_shown_checksums_believes_no_frame_without() -> None:
    session = toledo.DEVICE.open({})
    session.feed(_summed(_frame()) * 3)

    assert ["checksum"] * 9 == _told(session, _frame() * 10)
    assert ["checksum", ""] == _told(session, b"\x00" + _summed(_frame()))


def test_no_damaged_frame_is_read_once_a_line_has_shown_checksums() -> None:
    frame = _summed(_frame())
    for bit in range(len(frame) * 8):
        session = toledo.DEVICE.open({})
        session.feed(frame * 3)
        damaged = int.from_bytes(frame, "little") ^ 1 << bit
        told = session.feed(damaged.to_bytes(len(frame), "little")) + session.timeout()
        assert [] == [r for step in told for r in step.readings]


def test_damage_does_not_make_a_line_with_checksums_one_without() -> None:
    """A checksum that is lost now and then."""
    session = toledo.DEVICE.open({})
    frame = _summed(_frame())

    assert [] == _told(session, (frame + _frame()) * 20)
    assert "" in _told(session, frame * 4)


def test_a_frame_whose_checksum_is_lost_costs_no_other() -> None:
    session = toledo.DEVICE.open({"checksum": "yes"})

    assert ["checksum", "", ""] == _told(session, _frame() + _summed(_frame()) * 2)


def test_a_checksum_that_looks_like_the_next_frame_is_one() -> None:
    frame = _summed(_frame(digits=b"999700000000"))
    assert frame.endswith(b"\r\x02")

    assert ["", "", ""] == _told(toledo.DEVICE.open({}), frame * 3)


def test_a_wrong_checksum_says_what_it_is() -> None:
    frame = _summed(_frame())[:-1] + b"\x17"

    assert toledo.DEVICE.open({"checksum": "yes"}).feed(frame) == [
        Message(0, frame, (), (Fault("checksum", 0, 18, "the sum is 0x01, not zero"),))
    ]


@pytest.mark.parametrize("table", [PLAIN, EVEN, ODD], ids=["8N1", "7E1", "7O1"])
def test_a_command_goes_out_in_the_parity_that_comes_in(table: bytes) -> None:
    session = toledo.DEVICE.open({"checksum": "yes"})
    session.feed(_summed(_frame()).translate(table))

    assert session.command("zero") == [Send(b"Z\r\n".translate(table))]
    assert session.command("tare") == [Send(b"T\r\n".translate(table))]
    assert session.command("fly") == []


def test_a_byte_of_wrong_parity_refuses_a_frame_without_checksum() -> None:
    frame = bytearray(_frame().translate(EVEN))
    frame[6] ^= 0x80

    (message,) = toledo.DEVICE.open({"checksum": "no"}).feed(bytes(frame))
    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["parity"]


def test_whether_there_is_a_checksum_is_said_in_one_of_three_words() -> None:
    with pytest.raises(SettingError, match="allowed are auto, yes, no"):
        toledo.DEVICE.open({"checksum": "maybe"})


def _empty_talk():
    terminal = simulated.SIMULATOR.begin("WILDCAT", lambda _at_ms: {"gross": 0}, 1, 0)
    talk = Talk(toledo.DEVICE.open({}), terminal)
    talk.go_on(2_000)
    return talk, terminal


def _last(talk):
    return {reading.register: reading.value for reading in talk.messages[-1].readings}


@pytest.mark.parametrize(("kind", "load_mg"), [("over", 60_100_000), ("under", -1_500_000)])
def test_a_load_out_of_range_has_no_weight(kind, load_mg) -> None:
    talk, terminal = _empty_talk()
    terminal.indicator.plate.put(load_mg, now_ms=talk.now_ms)
    talk.go_on(1_000)

    messages = talk.go_on(1_000)
    assert {kind} == {fault.kind for message in messages for fault in message.faults}
    assert [] == [reading for message in messages for reading in message.readings]


def test_a_terminal_switched_on_with_a_load_has_no_weight() -> None:
    talk, terminal = _empty_talk()
    terminal.indicator.plate.put(20_000_000, now_ms=talk.now_ms)
    terminal.indicator.switch_on(talk.now_ms)

    messages = talk.go_on(2_000)
    assert {"unzeroed"} == {fault.kind for message in messages for fault in message.faults}
    assert [] == [reading for message in messages for reading in message.readings]


@pytest.mark.parametrize("unit", ["lb", "oz", "pcs"])
def test_a_terminal_switched_to_another_unit_has_no_weight(unit) -> None:
    talk, terminal = _empty_talk()
    terminal.indicator.unit = unit

    messages = talk.go_on(1_000)
    assert {"unit"} == {fault.kind for message in messages for fault in message.faults}
    assert [] == [reading for message in messages for reading in message.readings]


def test_the_terminal_zeroes_and_tares_when_told_to() -> None:
    talk, terminal = _empty_talk()
    terminal.indicator.plate.put(500_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    assert _last(talk) == {"gross": 500_000, "tare": 0}

    talk.command("zero")
    talk.go_on(500)
    assert _last(talk) == {"gross": 0, "tare": 0}

    terminal.indicator.plate.put(2_000_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    talk.command("tare")
    talk.go_on(500)
    assert _last(talk) == {"net": 0, "tare": 1_500_000}
