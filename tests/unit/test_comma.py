"""Lines of the comma family, word by word; the scale is asked, told, and made to remember."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import comma
from drivers.reading import Message, Reading
from drivers.sdk import Rest, Send, SettingError, Wait

PAUSE = Rest(0.2)


def weights(doubt, alibi="", **weights_mg):
    readings = tuple(Reading(name, mg, "mg", doubt=doubt) for name, mg in weights_mg.items())
    return (*readings, Reading("alibi", alibi, doubt=doubt)) if alibi else readings


def told(line, **settings):
    """The one message of a line."""
    (message,) = comma.DEVICE.open(settings).feed(line)
    return message


LINES = [
    ("Dini, gross", b"ST,GS,   3.425,kg\r\n", "unchecked", {"gross": 3_425_000}),
    ("Dini, net", b"ST,NT,  -1.500,kg\r\n", "unchecked", {"net": -1_500_000}),
    ("Dini, moving", b"US,GS,   3.410,kg\r\n", "unstable", {"gross": 3_410_000}),
    ("Dini, with its address", b"01ST,GS,     0.0,kg\r\n", "unchecked", {"gross": 0}),
    ("Dini, grams", b"ST,GS,   12345, g\r\n", "unchecked", {"gross": 12_345_000}),
    ("Dini, tonnes", b"ST,GS,   1.235, t\r\n", "unchecked", {"gross": 1_235_000_000}),
    ("Dini, Kg", b"ST,GS,   3.425,Kg\r\n", "unchecked", {"gross": 3_425_000}),
    ("Dini, comma for a point", b"ST,GS,   3,425,kg\r\n", "unchecked", {"gross": 3_425_000}),
    ("line feed alone", b"ST,GS,   3.425,kg\n", "unchecked", {"gross": 3_425_000}),
    ("A&D", b"ST,+00012.34  g\r\n", "unchecked", {"net": 12_340}),
    ("A&D, moving", b"US,-00001.50  g\r\n", "unstable", {"net": -1_500}),
    ("A&D, compared", b"ST,OK,+0001.234 kg\r\n", "unchecked", {"net": 1_234_000}),
    ("A&D, not compared", b"ST,--,+0001.234 kg\r\n", "unchecked", {"net": 1_234_000}),
    ("A&D, with commas", b"ST,+0000.1278,  g\r\n", "unchecked", {"net": 127}),
    ("below a milligram is cut off", b"ST,-0000.1278,  g\r\n", "unchecked", {"net": -128}),
    ("18 bytes", b"ST,GS,+00012.5kg\r\n", "unchecked", {"gross": 12_500_000}),
    ("18 bytes, sign apart", b"US,NT,-  0.500kg\r\n", "unstable", {"net": -500_000}),
    ("KERN", b"ST,GS,+0012.345  kg\r\n", "unchecked", {"gross": 12_345_000}),
    ("KERN, tare", b"ST,TR,+0001.500  kg\r\n", "unchecked", {"tare": 1_500_000}),
    ("indicator, letters", b"ST,N,+0001.500kg\r\n", "unchecked", {"net": 1_500_000}),
    ("no comma after GS", b"ST,GS   1.2g\r\n", "unchecked", {"gross": 1_200}),
    ("CAS, bit 5 set", b"ST,GS,1\xe4,000013.5 kg\r\n", "unchecked", {"gross": 13_500_000}),
    ("CAS, bit 5 not set", b"ST,NT,1\xc2,   13.50  g\r\n", "unchecked", {"net": 13_500}),
    ("CAS, moving", b"US,NT,1\x82,-000.500 kg\r\n", "unstable", {"net": -500_000}),
    ("CAS, relays", b"ST,GS,1\xc4,000013.55kg\r\n", "unchecked", {"gross": 13_500_000}),
    ("CAS, seven bits", b"ST,GS,1\x44,000013.5 kg\r\n", "unchecked", {"gross": 13_500_000}),
]  # fmt: skip
THREE = [
    (
        "3590E",
        b"1,ST,     3.425,PT     1.500,         0,         0,kg\r\n",
        {"gross": 4_925_000, "tare": 1_500_000, "net": 3_425_000},
    ),
    (
        "LTP with its address",
        b"011ST,      -1.5,        20.8,         0,kg\r\n",
        {"gross": 19_300_000, "tare": 20_800_000, "net": -1_500_000},
    ),
    (
        "DGT4X with a clock",
        b"1ST,1,     0.0,PT    20.8,         0,kg,01/02/19 11:12:13\r\n",
        {"gross": 20_800_000, "tare": 20_800_000, "net": 0},
    ),
    (
        "AF",
        b"ST,1,     3.425kg,       500 g\r\n",
        {"gross": 3_425_000, "tare": 500_000, "net": 2_925_000},
    ),
]


@pytest.mark.parametrize(
    ("line", "doubt", "expected"), [row[1:] for row in LINES], ids=[row[0] for row in LINES]
)
def test_a_line_is_read_as_its_maker_means_it(line, doubt, expected):
    assert told(line) == Message(0, line, weights(doubt, **expected))


@pytest.mark.parametrize(
    ("line", "expected"), [row[1:] for row in THREE], ids=[row[0] for row in THREE]
)
def test_a_line_with_its_tare_tells_gross_tare_and_net(line, expected):
    assert told(line) == Message(0, line, weights("unchecked", **expected))


NO_WEIGHTS = [
    (b"OL,GS,--------,kg\r\n", "over"),
    (b"OL,GS,        ,kg\r\n", "over"),
    (b"OL,+9999999E+19\r\n", "over"),
    (b"OL,GS,1\xc0,         kg\r\n", "over"),
    (b"1,OL,          ,          ,         0,         0,kg\r\n", "over"),
    (b"PIDOL,1,          kg,          kg,NO\r\n", "over"),
    (b"OL,-9999999E+19\r\n", "under"),
    (b"OL,GS,-           \r\n", "under"),
    (b"UL,GS,        ,kg\r\n", "under"),
    (b"TL,GS,   3.425,kg\r\n", "tilt"),
    (b"1TL,     3.425,         0.0,         0,kg\r\n", "tilt"),
    (b"ER,GS,   3.425,kg\r\n", "scale-error"),
    (b"HD,NT,+0001.500kg\r\n", "hold"),
    (b"ST,GS,1\xf4,000013.5 kg\r\n", "hold"),
    (b"US,GS,1\x94,000013.5 kg\r\n", "hold"),
    (b"ST,GS,1\xa4,000013.5 kg\r\n", "status"),
    (b"US,GS,1\xe4,000013.5 kg\r\n", "status"),
    (b"ST,GS,1\xe4,        kkg\r\n", "value"),
    (b"ST,GS,1\xe4,0.00.005 kg\r\n", "value"),
    (b"QT,+00012345 PC\r\n", "unit"),
    (b"US,+00012345 PC\r\n", "unit"),
    (b"ST,+00098.76  %\r\n", "unit"),
    (b"ST,GS,   7.551,lb\r\n", "unit"),
    (b"ST,NT,+0001.234  oz\r\n", "unit"),
    (b"ST,+00012.34ozt\r\n", "unit"),
    (b"ST,+00012.34 tl\r\n", "unit"),
    (b"ST,+00012.34  t\r\n", "unit"),
    (b"ST,+00012.34  G\r\n", "unit"),
    (b"ST,GS,+00012.5\r\n", "unit"),
    (b"ST,VL,   1.234,mV\r\n", "unit"),
    (b"ST,RZ,   12345,kg\r\n", "unit"),
    (b"ST,GS,1\xe4,000013.5 lb\r\n", "unit"),
    (b"1,ST,     3.425,         0.0,         0,         0,lb\r\n", "unit"),
    (b"ST,1,     3.425kg,       1.0lb\r\n", "unit"),
    (b"000013.5\r\n", "unit"),
    (b"ERR01\r\n", "syntax"),
    (b"ERR02\r\n", "syntax"),
    (b"ERR03\r\n", "busy"),
    (b"01ERR04\r\n", "syntax"),
    (b"ERR7\r\n", "scale-error"),
    (b"EC,E00\r\n", "transmission"),
    (b"EC,E01\r\n", "syntax"),
    (b"EC,E02\r\n", "busy"),
    (b"EC,E03\r\n", "transmission"),
    (b"EC,E06\r\n", "syntax"),
    (b"EC,E11\r\n", "busy"),
    (b"EC,E20\r\n", "scale-error"),
    (b"PIDST,1,     3.425kg,       0.000kg,NO\r\n", "alibi"),
]


@pytest.mark.parametrize(("line", "kind"), NO_WEIGHTS)
def test_what_is_no_good_weight_is_a_fault_without_readings(line, kind):
    message = told(line)

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == [kind]


@pytest.mark.parametrize(
    ("line", "kind"), [(b"!\r\n", "busy"), (b"?\r\n", "syntax"), (b"I\r\n", "busy")]
)
def test_a_single_character_is_an_answer_only_where_something_was_asked(line, kind):
    session = comma.DEVICE.open({"ask": "01RW"})

    assert session.feed(line) == []
    session.timeout()
    (message, pause) = session.feed(line)
    assert [fault.kind for fault in message.faults] == [kind]
    assert pause == PAUSE


@pytest.mark.parametrize(
    "line",
    [
        b"ST,GS,   3.4.5,kg\r\n",
        b"ST,GS,  +-3.45,kg\r\n",
        b"ST,GS,        ,kg\r\n",
        b"ST,GS,1\xe4,0000013.5 kg\r\n",
        b"ST,GS,   3.425,kgST,GS,   3.425,kg\r\n",
        b"S,GS,   3.425,kg\r\n",
        b"0000013.5\r\n",
        b"00013.5\r\n",
    ],
)
def test_what_is_not_quite_a_line_is_noise(line):
    first, *_ = comma.DEVICE.open({"unit": "kg"}).feed(line + b"ST,NT,   1.000,kg\r\n")
    assert first.readings == ()
    assert [fault.kind for fault in first.faults] == ["noise"]


@given(st.integers(-99_999, 999_999))
def test_every_weight_of_a_standard_line_comes_back_in_milligrams(grams):
    text = f"{'-' if grams < 0 else ''}{abs(grams) // 1000}.{abs(grams) % 1000:03}"
    message = told(f"ST,NT,{text:>8},kg\r\n".encode())
    assert message.readings == weights("unchecked", net=grams * 1000)


@pytest.mark.parametrize(
    ("unit", "value"), [("kg", 13_500_000), ("g", 13_500), ("mg", 13), ("t", 13_500_000_000)]
)
def test_a_number_alone_has_the_unit_of_the_block_and_is_never_judged_to_rest(unit, value):
    assert told(b"000013.5\r\n", unit=unit, ask="").readings == weights("unjudged", net=value)


def test_the_unit_of_a_line_goes_before_that_of_the_block():
    assert told(b"ST,NT,   1.500, g\r\n", unit="kg").readings == weights("unchecked", net=1_500)
    assert told(b"ST,NT,   1.500,lb\r\n", unit="kg").faults[0].kind == "unit"
    assert told(b"ST,NT,   1.500\r\n", unit="kg").readings == weights("unchecked", net=1_500_000)


@pytest.mark.parametrize("ask", ["READ", "REXT", "Q", "01RW"])
def test_a_scale_is_asked_by_what_the_block_says_and_after_a_pause_again(ask):
    session = comma.DEVICE.open({"ask": ask})
    request = [Send(ask.encode() + b"\r\n"), Wait(1.0)]

    assert session.timeout() == request
    assert session.feed(b"US,GS,   3.425,kg\r\n")[-1] == PAUSE
    assert session.timeout() == request
    assert session.timeout() == [PAUSE]
    assert session.timeout() == request
    assert session.feed(b"ERR04\r\n")[-1] == PAUSE


def test_the_pause_is_that_of_the_block():
    session = comma.DEVICE.open({"interval_ms": "1500"})
    session.timeout()
    assert session.feed(b"OL,GS,        ,kg\r\n")[-1] == Rest(1.5)


def test_a_scale_that_is_never_asked_is_told_commands_at_once():
    session = comma.DEVICE.open({"ask": ""})

    assert session.timeout() == []
    assert session.command("zero") == [Send(b"Z\r\n")]
    assert session.command("tare") == [Send(b"T\r\n")]
    assert session.timeout() == []


@pytest.mark.parametrize(
    ("ask", "zero", "tare", "done"),
    [
        ("READ", b"Z", b"T", b"OK"),
        ("01READ", b"01Z", b"01T", b"01OK"),
        ("Q", b"Z", b"T", b"\x06"),
        ("01RW", b"01MZ", b"01MT", b"01MZ"),
        ("RW", b"MZ", b"MT", b"MT"),
    ],
)
def test_commands_go_before_the_next_request_in_the_words_of_the_make(ask, zero, tare, done):
    session = comma.DEVICE.open({"ask": ask})
    session.timeout()
    for _ in range(9):
        assert session.command("zero") == []
        assert session.command("tare") == []
    session.feed(b"US,GS,   3.425,kg\r\n")

    assert session.timeout() == [Send(zero + b"\r\n"), Wait(1.0)]
    assert session.feed(done + b"\r\n") == [PAUSE]
    assert session.timeout() == [Send(tare + b"\r\n"), Wait(1.0)]
    assert session.timeout() == [PAUSE]
    assert session.timeout() == [Send(ask.encode() + b"\r\n"), Wait(1.0)]


def test_a_weight_that_streams_by_does_not_answer_a_command():
    session = comma.DEVICE.open({})
    session.command("zero")
    session.timeout()

    assert PAUSE not in session.feed(b"US,GS,   3.425,kg\r\n")
    assert session.feed(b"OK\r\n") == [PAUSE]


class Keeping:
    """A scale with an alibi memory, and what it is asked."""

    def __init__(self, **settings):
        self.session = comma.DEVICE.open({"alibi": "yes", **settings})
        self.asked = []

    def answers(self, *lines):
        """The last readings, after a question and an answer for each line."""
        for line in lines:
            (send, _) = self.session.timeout()
            self.asked.append(send.data.strip())
            (message, _) = self.session.feed(line + b"\r\n")
        return message.readings


REST = b"ST,GS,   3.425,kg"
KEPT = b"PIDST,1,     3.425kg,       0.000kg,00002-000158"
NOT_KEPT = b"PIDST,1,     3.425kg,       0.000kg,NO"


def test_a_weight_at_rest_is_kept_once_and_carries_its_number():
    scale = Keeping()

    assert scale.answers(b"US,GS,   3.410,kg", REST, REST, KEPT) == weights(
        "unchecked", "00002-000158", gross=3_425_000, tare=0, net=3_425_000
    )
    assert scale.answers(*[REST] * 9) == weights("unchecked", "00002-000158", gross=3_425_000)
    assert scale.asked == [b"READ"] * 3 + [b"PID"] + [b"READ"] * 9


def test_gross_tare_and_net_at_rest_are_kept_as_well():
    scale = Keeping(ask="01REXT")
    rest = b"011ST,     3.425,         0.0,         0,kg"
    kept = b"01" + KEPT

    scale.answers(rest, rest, kept)
    assert scale.answers(rest)[-1] == Reading("alibi", "00002-000158", doubt="unchecked")
    assert scale.asked == [b"01REXT", b"01REXT", b"01PID", b"01REXT"]


@pytest.mark.parametrize(
    "between",
    [
        b"US,GS,   3.425,kg",
        b"ST,GS,   3.430,kg",
        b"ST,NT,   3.425,kg",
        b"OL,GS,        ,kg",
        b"TL,GS,   3.425,kg",
        b"QT,+00000012 PC",
    ],
)
def test_a_number_does_not_outlive_the_weight_that_was_kept(between):
    scale = Keeping()
    scale.answers(REST, REST, KEPT, between)

    assert scale.answers(REST) == weights("unchecked", gross=3_425_000)
    scale.answers(REST, KEPT)
    assert scale.asked[-1] == b"PID"


def test_a_number_does_not_outlive_a_silence():
    scale = Keeping()
    scale.answers(REST, REST, KEPT)
    scale.session.timeout()
    assert scale.session.timeout() == [PAUSE]

    assert scale.answers(REST) == weights("unchecked", gross=3_425_000)


def test_a_number_does_not_outlive_a_line_that_could_not_be_read():
    scale = Keeping()
    scale.answers(REST, REST, KEPT)
    scale.session.timeout()
    (_, message, _) = scale.session.feed(b"US,GS,   0.0#0,kg\r\n" + REST + b"\r\n")

    assert message.readings == weights("unchecked", gross=3_425_000)


@pytest.mark.parametrize("line", [b"ST,GS,   0.000,kg", b"ST,NT,  -0.005,kg", b"ST,TR,   1.500,kg"])
def test_what_is_not_worth_a_record_is_not_kept(line):
    scale = Keeping()
    scale.answers(*[line] * 6)
    assert scale.asked == [b"READ"] * 6


def test_a_number_is_only_put_to_the_weight_that_the_scale_kept():
    scale = Keeping()
    other = b"PIDST,1,     3.500kg,       0.000kg,00002-000159"

    assert scale.answers(REST, REST, other)[-1].value == "00002-000159"
    assert scale.answers(REST) == weights("unchecked", gross=3_425_000)


def test_a_weight_that_was_not_kept_is_tried_again_once_it_rests():
    scale = Keeping()

    assert scale.answers(REST, REST, NOT_KEPT) == ()
    assert scale.answers(REST, REST, KEPT)[-1].register == "alibi"
    assert scale.asked == [b"READ", b"READ", b"PID"] * 2


def test_a_scale_without_an_alibi_memory_is_not_asked_twice_for_one_weight():
    scale = Keeping()
    scale.answers(REST, REST)
    scale.session.timeout()
    (message, _) = scale.session.feed(b"ERR04\r\n")

    assert [fault.kind for fault in message.faults] == ["alibi"]
    scale.asked.clear()
    assert scale.answers(*[REST] * 6) == weights("unchecked", gross=3_425_000)
    assert scale.asked == [b"READ"] * 6


def test_without_the_setting_nothing_is_ever_kept():
    session = comma.DEVICE.open({})
    for _ in range(9):
        assert session.timeout()[0] == Send(b"READ\r\n")
        session.feed(REST + b"\r\n")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"ask": "R\x07"}, "ask"),
        ({"ask": "é"}, "ask"),
        ({"ask": "R" * 17}, "ask"),
        ({"ask": "", "alibi": "yes"}, "ask"),
        ({"unit": "lb"}, "unit"),
        ({"alibi": "maybe"}, "alibi"),
        ({"interval_ms": "99"}, "interval_ms"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(settings, name):
    with pytest.raises(SettingError) as refused:
        comma.DEVICE.open(settings)
    assert refused.value.name == name


def test_a_sample_is_known_by_its_header_or_by_numbers_and_nothing_else():
    assert comma.DEVICE.recognise(b"5,kg\r\nST,GS,   3.425,kg\r\nST,G")
    assert comma.DEVICE.recognise(b".5\r\n" + b"000013.5\r\n" * 9 + b"0000")
    assert not comma.DEVICE.recognise(b"000013.5\r\n" + b"/ISK5\\2M550T-1012\r\n" * 3)
    assert not comma.DEVICE.recognise(b"OK\r\nERR04\r\n")
    assert not comma.DEVICE.recognise(b"")
