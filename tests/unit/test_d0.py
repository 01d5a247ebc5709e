"""Optical heads: the conversation of modes A to D, parity, block check and data sets.

Block checks here were worked out on paper: of `1.8.0(2*kWh) CR LF ! CR LF ETX` it is 0x56, `V`.
"""

import pytest

from drivers import d0, sdk
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Line, Rest, Send, SetLine, SettingError, Wait
from drivers.wire.datasets import read_sets
from drivers.wire.readout import with_parity
from firmware_sim import device
from firmware_sim.devices import d0 as play

IDENT = b"/MKS5METER\r\n"
BLOCK = b"\x021.8.0(2*kWh)\r\n!\r\n\x03V"


def _open(**settings):
    return sdk.load("d0").open(settings)


def _messages(steps):
    return [step for step in steps if isinstance(step, Message)]


def _read(stream):
    session = _open()
    messages = _messages(session.feed(stream) + session.timeout())
    kinds = [fault.kind for message in messages for fault in message.faults]
    return [(r.value, r.doubt) for message in messages for r in message.readings], kinds


def test_a_character_carries_its_even_parity_in_bit_7():
    assert with_parity(b"/?!\r\n").hex() == "af3f218d0a"


def test_mode_c_selects_at_the_old_speed_and_changes_when_it_has_left():
    session = _open(frame="8N1", interval="60")
    assert session.timeout() == [SetLine(Line(300)), Send(b"/?!\r\n"), Wait(5 / 30 + 2.5)]
    send, wait = session.feed(IDENT)
    assert send == Send(b"\x06050\r\n")
    assert wait.seconds == pytest.approx(0.23)
    assert session.timeout() == [SetLine(Line(9600)), Wait(2.5)]
    told, line, rest = session.feed(BLOCK)
    assert told.readings == (Reading("1-0:1.8.0", 2_000_000, "mWh"),)
    assert (line, rest) == (SetLine(Line(300)), Rest(60))


def test_the_own_echo_is_no_answer_and_no_noise():
    session = _open()
    asked = session.timeout()[1].data
    assert _messages(session.feed(asked)) == []
    select = session.feed(with_parity(IDENT))[0].data
    assert select == with_parity(b"\x06050\r\n")
    assert session.feed(select) == []
    session.timeout()
    (told,) = _messages(session.feed(with_parity(BLOCK)))
    assert [reading.value for reading in told.readings] == [2_000_000]
    assert told.faults == ()


def test_a_head_that_is_too_slow_stays_at_300_baud():
    session = _open(frame="8N1", speed="2400")
    session.timeout()
    assert session.feed(IDENT)[0] == Send(b"\x06000\r\n")
    assert session.timeout()[0] == SetLine(Line(300))


def test_mode_b_changes_speed_without_a_selection():
    session = _open()
    session.timeout()
    assert session.feed(b"/MKSCMETER\r\n") == [SetLine(Line(2400)), Wait(2.5)]


def test_mode_a_stays_where_it_is():
    session = _open()
    session.timeout()
    assert session.feed(b"/MKSxMETER\r\n") == [SetLine(Line(300)), Wait(2.5)]
    (told,) = _messages(session.feed(b"1.8.0(2*kWh)\r\n!\r\n"))
    assert [(r.value, r.doubt) for r in told.readings] == [(2_000_000, "unchecked")]


def test_mode_d_only_listens():
    session = _open(mode="d")
    assert session.timeout() == [SetLine(Line(2400))]
    (told,) = session.feed(b"/MKS3METER\r\n\r\n1.8.0(2*kWh)\r\n!\r\n")
    assert [(r.value, r.doubt) for r in told.readings] == [(2_000_000, "unchecked")]
    assert _open(mode="d", speed="9600").timeout() == [SetLine(Line(9600))]


def test_a_meter_on_battery_is_woken_first():
    session = _open(wake="yes", interval="86400", frame="8N1")
    assert session.timeout() == [SetLine(Line(300)), Send(bytes(65)), Wait(3.8)]
    assert session.timeout()[0] == Send(b"/?!\r\n")
    assert _open(wake="direct", interval="86400", frame="8N1").timeout()[1] == Send(
        bytes(40) + b"/?!\r\n"
    )


@pytest.mark.parametrize("wake", ["yes", "direct"])
def test_a_meter_on_battery_is_not_asked_often_by_default(wake):
    with pytest.raises(SettingError) as refused:
        _open(wake=wake)
    assert "interval" == refused.value.name
    assert Rest(86400) == _open(wake=wake, interval="86400")._rest()[-1]


def test_an_address_stands_in_the_request():
    assert _open(address="0012", frame="8N1").timeout()[1] == Send(b"/?0012!\r\n")


def test_silence_is_told_once_after_the_second_request():
    session = _open()
    session.timeout()
    assert _messages(session.timeout()) == []
    told, line, rest = session.timeout()
    assert told == Message(0, b"", (), (Fault("silent", 0, 0, "no answer to 2 requests"),))
    assert (line, rest) == (SetLine(Line(300)), Rest(900))
    assert session.timeout()[1] == Send(with_parity(b"/?!\r\n"))


def test_a_broken_telegram_is_asked_for_again():
    session = _open()
    session.timeout()
    session.feed(IDENT)
    session.timeout()
    steps = session.feed(BLOCK[:-1] + b"W")
    assert [fault.kind for fault in _messages(steps)[0].faults] == ["checksum"]
    assert session.timeout()[:2] == [SetLine(Line(300)), Send(with_parity(b"/?!\r\n"))]


def test_endless_noise_does_not_hold_the_line():
    session = _open()
    session.timeout()
    assert isinstance(session.feed(b"\x15" * 100)[-1], Wait)
    assert not any(isinstance(step, Wait) for step in session.feed(b"\x15" * 40_000))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (IDENT + BLOCK, ([(2_000_000, "")], [])),
        (with_parity(IDENT + BLOCK), ([(2_000_000, "")], [])),
        (IDENT + BLOCK.replace(b"2", b"3"), ([], ["checksum"])),
        (with_parity(IDENT + BLOCK).replace(b"\xb8", b"\x38"), ([], ["parity"])),
        (IDENT + with_parity(BLOCK), ([], ["parity"])),
        (IDENT + b"\x0a" + BLOCK[1:], ([], ["cut", "noise"])),
        (IDENT + BLOCK[:9] + IDENT + BLOCK, ([(2_000_000, "")], ["cut"])),
        (BLOCK[5:] + IDENT + BLOCK, ([(2_000_000, "")], ["noise"])),
        (IDENT + IDENT + BLOCK, ([(2_000_000, "")], ["cut"])),
        (IDENT + b"\xfe\x80" + BLOCK, ([(2_000_000, "")], [])),
        (IDENT + BLOCK[:-1], ([], ["cut"])),
        (IDENT + b"\x02!\r\n\x03\x25", ([], ["empty"])),
    ],
    ids=[
        "bit 7 clear",
        "with parity",
        "another digit",
        "one byte without parity",
        "half of it without parity",
        "STX damaged",
        "cut off by the next",
        "begun in the middle",
        "identified twice",
        "a change of speed heard as two bytes",
        "no check character",
        "no data",
    ],
)
def test_a_telegram_is_read_whole_or_refused(stream, expected):
    assert _read(stream) == expected


def _set(text, medium="1"):
    readings, faults = read_sets(text, offset=0, medium=medium, doubt="")
    return [(r.register, r.value, r.unit) for r in readings], [fault.kind for fault in faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.8.0(000123.456*kWh)", ("1-0:1.8.0", 123_456_000, "mWh")),
        ("1-0:1.8.0*255(000123.456*kWh)", ("1-0:1.8.0", 123_456_000, "mWh")),
        ("1.8.1*01(7*Wh)", ("1-0:1.8.1*1", 7_000, "mWh")),
        ("1.8.0&02(0.1234567*kWh)", ("1-0:1.8.0*2", 123_456, "mWh")),
        ("1.8(12,5)", ("1-0:1.8.0", 12_500_000, "mWh")),
        ("2.7.0(-1.5*kW)", ("1-0:2.7.0", -1_500_000, "mW")),
        ("5.8.0(3)", ("1-0:5.8.0", 3_000_000, "mvarh")),
        ("71.7.0(06.02)", ("1-0:71.7.0", 6_020, "mA")),
        ("13.7.0(0.98)", ("1-0:13.7.0", "0.98", "")),
        ("C.7.0(0012)", ("0-0:96.7.0", 12, "count")),
        ("F.F(00000000)", ("0-0:97.97.0", "00000000", "")),
        ("0.9.2(26-11-24)", ("1-0:0.9.2", "26-11-24", "")),
        ("1.6.0(4.3*kW)(26-01-09,17:15)", ("1-0:1.6.0", 4_300_000, "mW")),
        ("P.01(26)(1)(2)", ("0-0:99.1.0", "(26)(1)(2)", "")),
        ("XY(1)", ("XY", "1", "")),
        ("0.0.0(12A)", ("1-0:0.0.0", "12A", "")),
        ("0.0.0(1ESY77)", ("1-0:0.0.0", "1ESY77", "")),
        ("1.7.0(01.5kW)", ("1-0:1.7.0", 1_500_000, "mW")),
        ("0.4.2(1.2*m3/h)", ("1-0:0.4.2", "1.2 m3/h", "")),
        ("6.8(0074900*kWh)", ("6-0:1.0.0", 74_900_000_000, "mWh")),
        ("6.8*01(00001.5*GJ)", ("6-0:1.0.0*1", 1_500_000_000_000, "mJ")),
    ],
)
def test_a_data_set_is_a_register_with_its_value(text, expected):
    assert _set(text) == ([expected], [])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.8.0(-000001.000*kWh)", "object"),
        ("6.8(-1*MWh)", "object"),
        ("1.8.0(------)", "placeholder"),
        ("1.8.0()", "placeholder"),
        ("1.8.0(12*apples)", "unit"),
        ("6.8(12)", "unit"),
        ("1.8.0(12a4)", "unit"),
        ("1.8.0(1:2)", "object"),
        ("1.8.0(12.4", "object"),
        ("(12.4)", "object"),
        ("1.8.0(99999999999999999999*MWh)", "object"),
    ],
)
def test_a_data_set_that_cannot_be_believed_is_a_fault_and_the_next_one_lives(text, kind):
    assert _set(text + "\r\n1-0:2.8.0(1*Wh)") == ([("1-0:2.8.0", 1_000, "mWh")], [kind])


def test_a_fault_stands_where_its_data_set_is():
    _, (fault,) = read_sets("1.8.0(1)\r\n2.8.0(x)3.8.0(1)", offset=100, medium="1", doubt="")
    assert (fault.offset, fault.length) == (110, 8)


def test_a_cold_meter_counts_cold():
    assert _set("6.8(1*kWh)6.8.1()", "5") == (
        [("5-0:1.0.0", 1_000_000, "mWh"), ("6.8.1", "", "")],
        [],
    )


@pytest.mark.parametrize(
    ("lines", "serial"),
    [
        ("0.0.0(123)\r\nC.1.0(MK9)", "MK9"),
        ("0.0.0(123)", "123"),
        ("6.8(1*kWh)9.21(66400017)", "66400017"),
        ("1.8.0(1)", ""),
        ("C.1.0(A)\r\n1.8.0(1)\r\nC.1.0(B)", "A"),
    ],
)
def test_the_meter_is_known_by_the_number_of_its_maker(lines, serial):
    readings, _ = read_sets(lines, offset=0, medium="1", doubt="")
    assert {reading.serial for reading in readings} == {serial}


def test_an_end_mark_within_a_line_does_not_end_a_block_without_check():
    values, kinds = _read(b"/MKS5METER\r\n\r\n0.2.0(1!\r\n1.8.0(2*kWh)\r\n!\r\n")
    assert values == [(2_000_000, "unchecked")]
    assert kinds == ["object"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "c"),
        ("interval", "0"),
        ("interval", "often"),
        ("timeout_ms", "10"),
        ("speed", "1"),
        ("address", "x" * 33),
        ("address", "a!"),
        ("wake", "maybe"),
        ("medium", "4"),
        ("frame", "8E1"),
    ],
)
def test_a_setting_that_cannot_work_is_named(name, value):
    with pytest.raises(sdk.SettingError) as refusal:
        _open(**{name: value})
    assert refusal.value.name == name


def test_a_pushed_telegram_with_full_codes_is_left_to_p1():
    full = b"/MKS3METER\r\n\r\n1-0:1.8.0*255(2*kWh)\r\n!\r\n"
    assert not d0.DEVICE.recognise(full)
    assert d0.DEVICE.recognise(full.replace(b"1-0:", b""))


def _answer(head, data, until_ms):
    said = head.hears(data, now_ms=0)
    for now_ms in range(0, until_ms, 10):
        said += head.ticks(now_ms)
    return bytes(byte & 0x7F for byte in said)


def _head(variant, shown):
    return device.load("d0").begin(variant, lambda _: shown, 7, 0)


ELECTRIC = {
    "1-0:0.0.0": "20730007",
    "1-0:1.8.0": 12_345_678_999,
    "1-0:1.8.0*1": 12_000_000_000,
    "1-0:2.8.0": 42_000_000,
    "1-0:1.7.0": 351_999,
}


def test_the_simulated_block_has_its_check_character():
    assert play.block(["1.8.0(2*kWh)"]) == BLOCK
    assert play.even(b"/?!\r\n").hex() == "af3f218d0a"


def test_the_simulated_meter_of_mode_c_says_who_it_is_and_then_what_it_counts():
    head = _head("mode C", ELECTRIC)
    assert _answer(head, play.even(b"/?!\r\n"), 1_000) == b"/MKS5SIM-C\r\n"
    said = _answer(head, play.even(b"\x06050\r\n"), 3_000)
    assert said[:-1] == (
        b"\x02F.F(00)\r\n0.0.0(20730007)\r\n1.8.0(012345.678*kWh)\r\n2.8.0(000042.000*kWh)\r\n"
        b"1.8.0*01(012000.000*kWh)\r\n1.7.0(00.351*kW)\r\n!\r\n\x03"
    )
    assert head.truth()["1-0:1.8.0"] == 12_345_678_000


def test_the_simulated_meter_of_mode_c_goes_on_slowly_when_nothing_is_selected():
    head = _head("mode C", ELECTRIC)
    said = _answer(head, play.even(b"/?!\r\n"), 3_500)
    assert said.startswith(b"/MKS5SIM-C\r\n\x02F.F(00)")
    assert head.truth() == {}


def test_the_simulated_heat_meter_sleeps_until_it_is_woken():
    heat = {"6-0:0.0.0": "66400007", "6-0:1.0.0": 123_456_999_999, "6-0:2.0.0": 4_142_489_999}
    head = _head("heat meter on battery", heat)
    assert _answer(head, play.even(b"/?!\r\n"), 2_000) == b""
    said = _answer(head, bytes(40) + play.even(b"/?!\r\n"), 3_000)
    assert said.startswith(b"/MKSCHEAT\r\n\x026.8(0123.456*MWh)6.26(04142.48*m3)9.21(66400007)\r\n")


def test_the_simulated_echoing_head_hears_itself():
    assert _answer(_head("mode C, echoing head", ELECTRIC), b"\xaf\x3f", 100) == b"/?"


def test_the_last_line_may_end_with_the_end_mark():
    assert _read(b"/MKSxMETER\r\n1.8.0(2*kWh)!\r\n") == ([(2_000_000, "unchecked")], [])
    # Without CR LF, which are 07 together, the check is 56 exclusive or 07.
    assert _read(IDENT + b"\x021.8.0(2*kWh)!\r\n\x03\x51") == ([(2_000_000, "")], [])


def test_a_meter_that_only_answers_brokenly_is_not_called_silent():
    session = _open()
    session.timeout()
    session.feed(b"/MKSxMETER\r\n!\r\n")
    session.timeout()
    assert session.timeout() == [SetLine(Line(300)), Rest(900)]
