"""A scale that shows its weight over NCI, and says of it all that its status bytes can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import nci
from drivers.reading import Message, Reading
from drivers.wire.sevenbits import EVEN
from firmware_sim.devices import nci as simulated
from tests.talk import Talk


def _said(answer: bytes) -> Message:
    message = nci.DEVICE.open({}).feed(answer)[0]
    assert isinstance(message, Message)
    return message


def _weighing(status: bytes, field: bytes = b"  3.425kg") -> bytes:
    return b"\n" + field + b"\r\n" + status + b"\r\x03"


@pytest.mark.parametrize(
    ("reading", "answer"),
    [
        (("net", 3_425_000, "unchecked"), _weighing(b"00")),
        (("net", 3_425_000, "unchecked"), _weighing(b"S00")),
        (("net", 3_425_000, "unstable"), _weighing(b"10")),
        (("net", 0, "unchecked"), _weighing(b"20", b"00.000KG")),
        (("net", -20_000, "unchecked"), _weighing(b"00", b"- 0.020kg")),
        (("net", 345_000, "unchecked"), _weighing(b"00", b" 345g ")),
        (("net", 12_500_000, "unchecked"), _weighing(b"00", b"0.0125t")),
        (("gross", 3_425_000, "unchecked"), _weighing(b"0p0")),
        (("gross", 3_425_000, "unchecked"), _weighing(b"0p1")),
        (("gross", 3_425_000, "unchecked"), _weighing(b"0p3")),
        (("net", 3_425_000, "unchecked"), _weighing(b"0p4")),
        (("net", 3_425_000, "unstable"), _weighing(b"1p4")),
        (("net", 3_425_000, "unchecked"), _weighing(b"0pt4")),
        (("gross", 3_425_000, "unchecked"), _weighing(b"S0pp4")),
        (("net", 3_425_000, "unchecked"), _weighing(b"00").translate(EVEN)),
        (("net", 3_425_000, "unstable"), _weighing(b"\xb10")),
    ],
)
def test_a_weight_says_whether_it_rests_and_is_net(
    reading: tuple[str, int, str], answer: bytes
) -> None:
    register, mg, doubt = reading
    assert (Reading(register, mg, "mg", None, "", None, doubt),) == _said(answer).readings


@pytest.mark.parametrize(
    ("kinds", "answer"),
    [
        (["under"], _weighing(b"01")),
        (["over"], _weighing(b"02")),
        (["over"], _weighing(b"12")),
        (["scale-error"], _weighing(b"40")),
        (["scale-error"], _weighing(b"80")),
        (["scale-error"], _weighing(b"04")),
        (["scale-error"], _weighing(b"08")),
        (["scale-error", "under"], _weighing(b"41")),
        (["unzeroed"], _weighing(b"0p8")),
        (["hold"], _weighing(b"0p2")),
        (["hold"], _weighing(b"0p6")),
        (["status"], _weighing(b"0p")),
        (["status"], _weighing(b"p0")),
        (["status"], _weighing(b"000")),
        (["status"], _weighing(b"0 ")),
        (["over"], _weighing(b"00", b"^^^^^^^kg")),
        (["under"], _weighing(b"00", b" ______")),
        (["unzeroed"], _weighing(b"00", b"-------kg")),
        (["unit"], _weighing(b"00", b"  7.550lb")),
        (["unit"], _weighing(b"00", b"7LB 8.8OZ")),
        (["unit"], _weighing(b"00", b"    42pcs")),
        (["unit"], _weighing(b"00", b"   100%")),
        (["unit"], _weighing(b"00", b"   3.425")),
        (["blank"], _weighing(b"00", b"       kg")),
        (["moving"], b"\nS10\r\x03"),
        (["over", "moving"], b"\n12\r\x03"),
        (["under"], b"\n01\r\x03"),
        (["unzeroed"], b"\n0p8\r\x03"),
        ([], b"\n20\r\x03"),
        (["syntax"], b"\n?\r\x03"),
        (["parity"], _weighing(b"0\xb0")),
    ],
)
def test_what_is_no_good_weight_is_none(kinds: list[str], answer: bytes) -> None:
    message = _said(answer)

    assert message.readings == ()
    assert kinds == [fault.kind for fault in message.faults]


def test_of_all_statuses_of_two_bytes_only_rest_and_motion_are_a_weight() -> None:
    rest, motion = {b"00", b"20"}, {b"10", b"30"}
    for first in range(0x20, 0x80):
        for second in range(0x20, 0x80):
            status = bytes((first, second))
            doubts = {reading.doubt for reading in _said(_weighing(status)).readings}
            expected = (
                {"unchecked"} if status in rest else {"unstable"} if status in motion else set()
            )
            assert doubts == expected, status


@pytest.mark.parametrize("third", range(0x20, 0x80))
def test_of_all_third_bytes_only_an_ordinary_mode_is_a_weight(third: int) -> None:
    readings = _said(_weighing(b"0p%c" % third)).readings

    assert bool(readings) == (third in b"013457")


@given(
    field=st.text(" -.^_0123kgLB:", min_size=1, max_size=20),
    status=st.text("S0123456789:;<=>?pt", min_size=2, max_size=4),
)
def test_an_answer_of_any_field_and_status_is_told_once(field: str, status: str) -> None:
    (message,) = nci.DEVICE.open({}).feed(_weighing(status.encode(), field.encode()))

    assert isinstance(message, Message)
    assert bool(message.readings) != bool(message.faults)


def _empty_talk(variant):
    scale = simulated.SIMULATOR.begin(variant, lambda _at_ms: {"gross": 0}, 1, 0)
    talk = Talk(nci.DEVICE.open({}), scale)
    talk.go_on(3_000)
    return talk, scale


def _readings(messages):
    return {(r.register, r.value, r.doubt) for message in messages for r in message.readings}


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


@pytest.mark.parametrize("variant", ["6702", "MDW"])
@pytest.mark.parametrize("unit", ["lb", "pcs"])
def test_a_scale_switched_to_another_unit_has_no_weight(variant, unit) -> None:
    talk, scale = _empty_talk(variant)
    scale.indicator.unit = unit

    messages = talk.go_on(2_000)
    assert _readings(messages) == set()
    assert {"unit"} == _kinds(messages)


def test_a_scale_switched_on_with_a_load_has_no_weight() -> None:
    talk, scale = _empty_talk("MDW")
    scale.indicator.plate.put(20_000_000, now_ms=talk.now_ms)
    scale.indicator.switch_on(talk.now_ms)

    messages = talk.go_on(2_000)
    assert _readings(messages) == set()
    assert {"unzeroed"} == _kinds(messages)


def test_the_scale_zeroes_and_tares_when_told_to() -> None:
    talk, scale = _empty_talk("MDW")
    scale.indicator.plate.put(500_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    assert _readings(talk.go_on(1_000)) == {("gross", 500_000, "unchecked")}

    talk.command("zero")
    talk.go_on(1_500)
    assert _readings(talk.go_on(1_000)) == {("gross", 0, "unchecked")}

    scale.indicator.plate.put(2_000_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    talk.command("tare")
    talk.go_on(1_500)
    assert _readings(talk.go_on(1_000)) == {("net", 0, "unchecked")}
    assert scale.indicator.tare_mg == 1_500_000
