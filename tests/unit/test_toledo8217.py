"""A scale at a till: a weight, or what its status says against one."""

import pytest

from drivers import toledo8217
from drivers.reading import Message, Reading
from drivers.sdk import SettingError
from drivers.wire.sevenbits import EVEN
from firmware_sim.devices import toledo8217 as simulated
from tests.talk import Talk


def _said(answer: bytes, **settings: str) -> Message:
    message = toledo8217.DEVICE.open(settings).feed(answer)[0]
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    ("mg", "answer", "settings"),
    [
        (3_425_000, b"\x0203.425\r", {}),
        (3_425_000, b"\x02 3.425\r", {}),
        (3_420_000, b"\x0203.42N\r", {}),
        (12_000, b"\x02012.0\r", {"unit": "g"}),
        (3_425_000, b"\x0203425\r", {"decimals": "3"}),
        (5_000, b"\x025\r", {"decimals": "3"}),
        (12_000_000, b"\x0200012\r", {"decimals": "0"}),
        (3_425_000, b"\x02003425\r", {"unit": "g", "decimals": "0"}),
        (3_425_000, b"\x0203.425\r", {"decimals": "3"}),
        (3_425_000, b"\x0203.425N\r".translate(EVEN), {}),
    ],
)
def test_a_weight_is_milligrams_by_what_the_settings_say(
    mg: int, answer: bytes, settings: dict[str, str]
) -> None:
    assert (Reading("net", mg, "mg", None, "", None, "unchecked"),) == _said(
        answer, **settings
    ).readings


@pytest.mark.parametrize(
    ("answer", "settings", "detail"),
    [
        (b"\x0203425\r", {}, "no point in '03425': see the setting decimals"),
        (
            b"\x020342.5\r",
            {"decimals": "3"},
            "'0342.5' has 1 decimals: see the setting decimals",
        ),
    ],
)
def test_a_point_that_is_not_where_it_was_said_to_be_is_no_weight(
    answer: bytes, settings: dict[str, str], detail: str
) -> None:
    message = _said(answer, **settings)

    assert message.readings == ()
    assert [(fault.kind, fault.detail) for fault in message.faults] == [("decimals", detail)]


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([], 0b101_0000),  # centre of zero, as after Z
        ([], 0b110_0000),  # net
        (["moving"], 0b100_0001),
        (["over"], 0b100_0010),
        (["under"], 0b100_0100),
        (["unzeroed"], 0b100_1000),
        (["over", "moving"], 0b110_0011),
        (["under", "unzeroed", "moving"], 0b111_1101),
        (["status"], 0b010_0001),
    ],
)
def test_a_status_tells_all_that_it_says(kinds: list[str], status: int) -> None:
    assert kinds == [fault.kind for fault in _said(b"\x02?%c\r" % status).faults]


@pytest.mark.parametrize("line", [bytes, lambda answer: answer.translate(EVEN)], ids=["8N1", "7E1"])
def test_no_status_whatever_is_a_weight(line) -> None:
    for status in range(256):
        session = toledo8217.DEVICE.open({})
        steps = session.feed(line(b"\x02?%c\r" % status)) + session.timeout()
        assert [] == [r for step in steps if isinstance(step, Message) for r in step.readings]


@pytest.mark.parametrize(
    ("kinds", "status"),
    [(["over", "moving"], b"\xc3"), (["over", "moving"], b"\x43"), (["parity"], b"\xc1")],
)
def test_the_status_byte_alone_may_carry_parity(kinds: list[str], status: bytes) -> None:
    assert kinds == [fault.kind for fault in _said(b"\x02?" + status + b"\r").faults]


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("unit", "lb", "allowed are kg and g"),
        ("decimals", "6", "a whole number from 0 to 5"),
        ("interval_ms", "10", "a whole number from 100 to 10000"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, text: str, allowed: str) -> None:
    with pytest.raises(SettingError) as refused:
        toledo8217.DEVICE.open({name: text})
    assert refused.value.name == name
    assert refused.value.allowed == allowed


def _empty_talk(variant="Viva"):
    till = simulated.SIMULATOR.begin(variant, lambda _at_ms: {"gross": 0}, 1, 0)
    talk = Talk(toledo8217.DEVICE.open(simulated.SIMULATOR.variants[variant]), till)
    talk.go_on(3_000)
    return talk, till


def _weights(messages):
    return {(r.register, r.value) for message in messages for r in message.readings}


def _kinds(messages):
    return {fault.kind for message in messages for fault in message.faults}


@pytest.mark.parametrize(
    ("kind", "load_mg"), [("over", 60_100_000), ("under", -1_500_000), ("under", -20_000)]
)
def test_a_load_out_of_range_has_no_weight(kind, load_mg) -> None:
    talk, till = _empty_talk()
    till.indicator.plate.put(load_mg, now_ms=talk.now_ms)
    talk.go_on(2_000)

    messages = talk.go_on(2_000)
    assert _weights(messages) == set()
    assert kind in _kinds(messages)


def test_a_scale_switched_on_with_a_load_has_no_weight_until_it_is_emptied() -> None:
    talk, till = _empty_talk()
    till.indicator.plate.put(20_000_000, now_ms=talk.now_ms)
    till.indicator.switch_on(talk.now_ms)

    messages = talk.go_on(3_000)
    assert _weights(messages) == set()
    assert "unzeroed" in _kinds(messages)


def test_the_scale_zeroes_and_tares_when_told_to() -> None:
    talk, till = _empty_talk()
    till.indicator.plate.put(500_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    assert _weights(talk.go_on(1_000)) == {("net", 500_000)}

    talk.command("zero")
    talk.go_on(1_500)
    assert _weights(talk.go_on(1_000)) == {("net", 0)}

    till.indicator.plate.put(2_000_000, now_ms=talk.now_ms)
    talk.go_on(2_000)
    talk.command("tare")
    talk.go_on(1_500)
    assert till.indicator.tare_mg == 1_500_000
    assert _weights(talk.go_on(1_000)) == {("net", 0)}
