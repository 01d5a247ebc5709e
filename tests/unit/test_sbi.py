"""A scale that prints its weight in 16 or 22 characters, and all that it prints instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import sbi
from drivers.reading import Fault, Message, Reading
from drivers.wire.sevenbits import EVEN, ODD
from firmware_sim.devices import sbi as simulated
from tests.talk import Talk


def _said(body: str, name: str = "") -> Message:
    message = sbi.DEVICE.open({}).feed(f"{name}{body}\r\n".encode())[0]
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    ("mg", "body"),
    [
        (3_425_000, "+    3.425 kg "),
        (3_425_000, "     3.425 kg "),
        (-3_425_000, "-    3.425 kg "),
        (0, "+      0.0 g  "),
        (123_560, "+   123.56 g  "),
        (123_500, "+  123.5[6]g  "),
        (-123_500, "-  123.5[6]g  "),
        (120_000, "+    12[3] g  "),
        (1_000_000, "+  1.[234] kg "),
        (7, "+        7 mg "),
        (0, "+      0.9 mg "),
        (1_500_000_000, "+      1.5 t  "),
        (12_000, "+      12. g  "),
    ],
)
def test_a_weight_is_what_is_printed_less_the_digits_in_brackets(mg: int, body: str) -> None:
    assert (Reading("net", mg, "mg", None, "", None, "unchecked"),) == _said(body).readings


@pytest.mark.parametrize("name", ["", "N     ", "N1    ", "N2    "])
def test_what_is_shown_is_net_whatever_its_name(name: str) -> None:
    assert "net" == _said("+    3.425 kg ", name).readings[0].register


GROSS, TARE, NET = (
    b"G#    +    4.925 kg \r\n",
    b"T1    +    1.500 kg \r\n",
    b"N     +    3.425 kg \r\n",
)


def _told(stream: bytes) -> list[tuple[int, dict[str, int]]]:
    """Offset and readings of each message."""
    session = sbi.DEVICE.open({})
    steps = session.feed(stream) + session.timeout()
    messages = [step for step in steps if isinstance(step, Message)]
    return [(m.offset, {str(r.register): int(r.value) for r in m.readings}) for m in messages]


def test_gross_tare_and_net_are_one_weighing() -> None:
    whole = {"gross": 4_925_000, "tare": 1_500_000, "net": 3_425_000}

    assert [(0, whole), (66, whole)] == _told((GROSS + TARE + NET) * 2)
    assert [(0, {"tare": 1_500_000, "net": 3_425_000})] == _told(TARE + NET)
    assert [(0, {"gross": 4_925_000, "net": 3_425_000})] == _told(GROSS + NET)


@pytest.mark.parametrize("stream", [GROSS, TARE, GROSS + TARE, TARE + GROSS])
def test_gross_and_tare_without_net_say_nothing(stream: bytes) -> None:
    session = sbi.DEVICE.open({})
    assert session.feed(stream) == []

    noise = Message(0, b"", (), (Fault("noise", 0, len(stream)),))
    assert noise == session.timeout()[0]


def test_a_weighing_in_pieces_is_one() -> None:
    session = sbi.DEVICE.open({})
    block = GROSS + TARE + NET

    steps = [step for at in range(66) for step in session.feed(block[at : at + 1])]
    assert [block] == [step.raw for step in steps if isinstance(step, Message)]


def test_a_gross_weight_that_moved_refuses_the_weighing() -> None:
    assert [(0, {})] == _told(GROSS.replace(b"kg", b"  ") + TARE + NET)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("moving", "+    3.425    "),
        ("unit", "+    7.550 lb "),
        ("unit", "+      253 pcs"),
        ("unit", "+    100.0 %  "),
        ("unit", "+    100.0 ozt"),
        ("over", "    High      "),
        ("over", "       H      "),
        ("over", "      HH      "),
        ("under", "    Low       "),
        ("under", "       L      "),
        ("under", "      LL      "),
        ("busy", "       C      "),
        ("busy", " Cal. Ext.    "),
        ("busy", "   Cal.Int.   "),
        ("scale-error", "   Err 054    "),
        ("scale-error", "   ERR 101    "),
        ("scale-error", "   APP.ERR    "),
        ("scale-error", "   DIS. ERR   "),
        ("scale-error", "   PRT.ERR    "),
        ("blank", "              "),
        ("blank", "--------------"),
        ("syntax", "25-Nov-26     "),
        ("syntax", "+  1.5[.6] kg "),
        ("syntax", "+  1.2.3   kg "),
        ("syntax", "+  12 .345 kg "),
        ("syntax", "*    3.425 kg "),
    ],
)
@pytest.mark.parametrize("name", ["", "Stat  "])
def test_what_is_no_good_weight_is_none(kind: str, body: str, name: str) -> None:
    message = _said(body, name)
    has_number = kind in {"moving", "unit"}

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["name" if name and has_number else kind]


@pytest.mark.parametrize("name", ["Qnt   ", "nRef  ", "SerNo.", "Ref   "])
def test_a_value_that_is_not_on_the_scale_is_no_weight(name: str) -> None:
    message = _said("+    3.425 kg ", name)

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["name"]


@pytest.mark.parametrize("width", [n for n in range(4, 26) if n not in {14, 20}])
def test_a_line_of_another_width_is_noise(width: int) -> None:
    line = b"+                    3.425 kg "[-width:] + b"\r\n"

    session = sbi.DEVICE.open({})
    steps = session.feed(line) + session.timeout()
    (message,) = [step for step in steps if isinstance(step, Message)]
    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["noise"]


@pytest.mark.parametrize("table", [EVEN, ODD], ids=["even", "odd"])
def test_a_bit_that_turns_round_is_never_another_amount(table: bytes) -> None:
    line = b"N     +    3.425 kg \r\n".translate(table)
    for bit in range(len(line) * 8):
        damaged = int.from_bytes(line, "little") ^ 1 << bit
        session = sbi.DEVICE.open({})
        told = session.feed(damaged.to_bytes(len(line), "little")) + session.timeout()
        assert [] == [r for step in told if isinstance(step, Message) for r in step.readings]


@given(
    name=st.sampled_from(["", "N     ", "Qnt   ", "Stat  "]),
    body=st.text(" +-.[]0123HLCkg", min_size=14, max_size=14),
)
def test_a_line_of_any_characters_is_told_once(name: str, body: str) -> None:
    message = _said(body, name)

    assert bool(message.readings) != bool(message.faults)


def _empty_talk(variant):
    scale = simulated.SIMULATOR.begin(variant, lambda _at_ms: {"gross": 0}, 1, 0)
    talk = Talk(sbi.DEVICE.open({}), scale)
    talk.go_on(6_000)
    return talk, scale


def _readings(messages):
    return {(r.register, r.value) for message in messages for r in message.readings}


def _kinds(messages):
    return {fault.kind for message in messages for fault in message.faults}


@pytest.mark.parametrize("variant", simulated.FORMS)
@pytest.mark.parametrize(("kind", "load_mg"), [("over", 60_100_000), ("under", -1_500_000)])
def test_a_load_out_of_range_has_no_weight(variant, kind, load_mg) -> None:
    talk, scale = _empty_talk(variant)
    scale.indicator.plate.put(load_mg, now_ms=talk.now_ms)
    talk.go_on(2_000)

    messages = talk.go_on(2_000)
    assert _readings(messages) == set()
    assert {kind} == _kinds(messages)


@pytest.mark.parametrize("variant", simulated.FORMS)
@pytest.mark.parametrize("unit", ["lb", "pcs"])
def test_a_scale_switched_to_another_unit_has_no_weight(variant, unit) -> None:
    talk, scale = _empty_talk(variant)
    scale.indicator.unit = unit

    messages = talk.go_on(2_000)
    assert _readings(messages) == set()
    assert {"unit"} == _kinds(messages)


@pytest.mark.parametrize("variant", ["Combics", "MSE printing by itself"])
def test_the_scale_zeroes_and_tares_when_told_to(variant) -> None:
    talk, scale = _empty_talk(variant)
    scale.indicator.plate.put(500_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    assert _readings(talk.go_on(1_000)) == {("net", 500_000)}

    talk.command("zero")
    talk.go_on(1_500)
    assert _readings(talk.go_on(1_000)) == {("net", 0)}

    scale.indicator.plate.put(2_000_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    talk.command("tare")
    talk.go_on(1_500)
    assert ("net", 0) in _readings(talk.go_on(1_000))
    assert scale.indicator.tare_mg == 1_500_000


def test_a_weight_that_moves_comes_without_its_unit() -> None:
    talk, scale = _empty_talk("Combics")
    scale.indicator.plate.put(3_425_000, now_ms=talk.now_ms, moved_ms=5_000)

    messages = talk.go_on(4_000)
    assert "moving" in _kinds(messages)
    assert _readings(messages) <= {("net", 0)}
