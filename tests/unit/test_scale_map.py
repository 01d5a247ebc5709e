"""Maps of scales: patterns that cost no time, exact weights, samples that are tried."""

import re
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import scale
from drivers.reading import Fault, Message
from drivers.sdk import Send, SettingError, Wait
from drivers.wire import linepattern, scalefile
from drivers.wire.linepattern import PatternError, parse
from gateway import config
from tests.docs.test_pages import blocks

PAGE = Path(__file__).parents[2] / "docs" / "scale-map.md"

PLAIN = """\
pattern = 'W(?P<net>.{8})(?P<unit>.{2})'

[[sample]]
line = "W   1.250kg"
says = { net = "1.25 kg" }
"""


def _fits(pattern, text, ends=b"\r\n"):
    line = linepattern.line(parse(pattern, ends).text, ends, 1)
    return line.fullmatch(text.encode("latin-1") + ends) is not None


def _told(text, stream, *more):
    session = scale.DEVICE.open({"map": text})
    steps = [step for chunk in (stream, *more) for step in session.feed(chunk)]
    return [step for step in steps if isinstance(step, Message)]


def _refused(text):
    with pytest.raises(SettingError) as refused:
        scalefile.read(text)
    assert refused.value.name == "map"
    assert refused.value.allowed
    return refused.value.what


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("W[0-9]{3}", "W012", "W01a"),
        (r"W\d+\.?\d*kg", "W12.5kg", "W.5kg"),
        ("W[^,]*,", "W12 3,", "W12,3,"),
        ("W(?:ST|US),.{4}", "WUS,1.50", "WOL,1.50"),
        (r"\x02\S+\s*", "\x0212 \t ", "1212"),
        (r"W\{\}\(\)\\", "W{}()\\", "W"),
        ("W[a-]", "W-", "Wb"),
        ("é[\x80-\xff]", "éé", "ée"),
        ("W(?:ab){2,3}", "Wababab", "Wab"),
        ("W.", "W\x00", "W\r"),
    ],
)
def test_a_pattern_fits_what_it_says(pattern, fits, not_):
    assert _fits(pattern, fits)
    assert not _fits(pattern, not_)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("W[]", "nothing fits"),
        ("(?:W+)+", "changing length is repeated"),
        ("(?:W*)*", "changing length is repeated"),
        ("W(?:a|ab)*", "changing length is repeated"),
        ("W(?:a?){5}", "changing length is repeated"),
        ("W+?", "two quantifiers"),
        ("W++", "two quantifiers"),
        (r"(W)\1", "kind of group"),
        (r"W\1", r"escape \\1"),
        ("(?=W)W", "kind of group"),
        ("(?i)W", "kind of group"),
        ("^W$", "nothing to do"),
        ("W(", "kind of group"),
        ("W(?:a", r"\( without its \)"),
        ("Wa)", r"\) without its \("),
        ("W[a", r"\[ without its \]"),
        ("W[b-a]", "this range"),
        ("W{", "no count"),
        ("W{3,2}", "the count"),
        ("W{0}", "the count"),
        ("W{999}", "the count"),
        ("*W", "nothing to do"),
        (r"W\n", "escape"),
        (r"W\x0d", "the end of a line"),
        ("W\r", "the end of a line"),
        (r"W\b", "escape"),
        ("W\N{EURO SIGN}", "character"),
        ("W*", "take the rest|empty line"),
        ("", "0 characters"),
        ("W" * 401, "401 characters"),
        (r"\d+kg", "rest of a broken line"),
        (r" *\d+kg", "rest of a broken line"),
        (r"(?:W|-)\d*kg", "rest of a broken line"),
        ("(?P<a>W)(?P<a>W)", "a second group"),
    ],
)
def test_a_pattern_that_could_cost_time_or_be_misread_is_refused(pattern, what):
    with pytest.raises(PatternError, match=what) as refused:
        parse(pattern, b"\r\n")
    assert refused.value.allowed


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet=r"abW1 .*+?{},()[]|\-^d<>P:=", max_size=24))
def test_any_pattern_is_refused_or_compiles_and_fits_only_within_a_line(pattern):
    try:
        parsed = parse(pattern, b"\r\n")
    except PatternError:
        return
    line = linepattern.line(parsed.text, b"\r\n", parsed.shortest)
    for match in line.finditer(b"aW1b\r\nW\r\n" * 3 + b"ab1 W." * 40 + b"\r\n"):
        assert match[0].endswith(b"\r\n")
        assert match[0].count(b"\n") == 1
        assert len(match[0]) <= linepattern.LINE_MAX


WORST = [
    "W" + "a*" * 150 + "b",
    "W" + "(?:a|aa|aaa|b)" * 20 + "c",
    "W(?:" + "|".join("a" * n + "*x" for n in range(1, 20)) + ")",
    "W(?:(?:a|b|c|d){9}){9}e",
    "W" + "[ab]*" * 40 + "c",
]


@pytest.mark.parametrize("pattern", WORST, ids=lambda one: one[:20])
@pytest.mark.parametrize("length", [8, 120])
def test_the_worst_patterns_take_no_time_worth_mentioning(pattern, length):
    line = linepattern.line(parse(pattern, b"\n").text, b"\n", 1)
    stream = (b"W" + b"a" * length + b"\n") * (200_000 // (length + 2))
    begun = time.process_time()
    assert line.search(stream) is None
    # A pattern that gave back would take longer than the world has lasted.
    assert time.process_time() - begun < 3


def test_a_line_that_is_longer_than_any_is_noise_in_any_slicing():
    text = PLAIN.replace(".{8})", r"[^k]*)").replace(".{2}", "kg")
    stream = b"W" + b" " * 200 + b"1.250kg\r\nW   1.250kg\r\n"
    whole = _told(text, stream)
    assert [1_250_000] == [r.value for message in whole for r in message.readings]
    assert _told(text, *(stream[at : at + 1] for at in range(len(stream)))) == whole


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    digits=st.integers(0, 999_999),
    places=st.integers(0, 4),
    unit=st.sampled_from(["mg", "g", "kg", "t"]),
    negative=st.booleans(),
    comma=st.booleans(),
)
def test_a_weight_is_the_decimal_that_is_written_rounded_down(
    digits, places, unit, negative, comma
):
    text = f"{'-' if negative else ''}{Decimal(digits).scaleb(-places):f}"
    milligrams = Decimal(text) * {"mg": 1, "g": 10**3, "kg": 10**6, "t": 10**9}[unit]
    line = f"W{text.replace('.', ',') if comma else text:>8}{unit:<2}\r\n"
    (message,) = _told(PLAIN, line.encode())
    assert message.readings[0].value == milligrams // 1 - (milligrams % 1 < 0)
    assert message.readings[0][:1] + message.readings[0][2:] == (
        "net",
        "mg",
        None,
        "",
        None,
        "unjudged",
    )


SIGNED = """\
pattern = '(?P<kind>[GNX])(?P<sign>.)(?P<value>.{6})(?P<tare>.{6})(?P<alibi>.{4})(?P<serial>.{3})'
unit = "kg"
places = 3

[means.kind]
G = "gross"
N = ""
X = "tilt"

[[sample]]
line = "G-  1500  0250 17 SN1"
says = { gross = "-1.5 kg", tare = "0.25 kg", alibi = "17" }
"""


def test_groups_say_sign_kind_tare_alibi_and_serial():
    (message,) = _told(SIGNED, b"N   1500  0250  18SN2\r\n")
    assert [("net", 1_500_000), ("tare", 250_000), ("alibi", "18")] == [
        (r.register, r.value) for r in message.readings
    ]
    assert {r.serial for r in message.readings} == {"SN2"}


NAMED = r"""
title = "a scale that says its number now and then"
ends = "\r\n"
pattern = ['N(?P<serial>.{3}) (?P<gross>.{6})', 'W(?P<net>.{6})']
unit = "kg"

[[sample]]
line = "NSN1  1.500"
says = { gross = "1.5 kg" }

[[sample]]
line = "W 1.500"
says = { net = "1.5 kg" }
"""


def test_a_line_said_again_belongs_to_the_scale_that_was_named_last():
    again = b"W 1.500\r\n"
    told = _told(NAMED, again + b"NSN1  1.500\r\n" + again + b"NSN2  1.500\r\n" + again)
    assert ["", "SN1", "SN1", "SN2", "SN2"] == [m.readings[0].serial for m in told]


@pytest.mark.parametrize(
    ("line", "kind", "detail"),
    [
        (b"X-  1500  0250 17 SN1", "tilt", "not level"),
        (b"G-  15x0  0250 17 SN1", "value", "value is '  15x0'"),
        (b"G-        0250 17 SN1", "value", "value is"),
    ],
)
def test_a_line_without_a_weight_is_a_fault_that_says_why(line, kind, detail):
    (message,) = _told(SIGNED, line + b"\r\n")
    (fault,) = message.faults
    assert (kind, 0, len(line) + 2) == fault[:3]
    assert detail in fault.detail
    assert message.readings == ()


def test_a_status_that_nobody_listed_is_no_weight():
    (message,) = _told(scale.RADWAG, b"SI !     12.345 kg \r\n")
    assert message.readings == ()
    assert message.faults[0].kind == "status"
    assert "state is '!'" in message.faults[0].detail


def test_a_unit_that_nobody_named_is_no_weight():
    (message,) = _told(scale.RADWAG, b"SI       12.345 lb \r\n")
    assert message == Message(
        0, b"SI       12.345 lb \r\n", (), (Fault("unit", 0, 21, message.faults[0].detail),)
    )
    assert "'lb', known are" in message.faults[0].detail


def test_a_scale_that_was_never_described_as_stable_is_unjudged():
    assert ["unjudged"] == [r.doubt for m in _told(PLAIN, b"W   1.250kg\r\n") for r in m.readings]


def test_a_line_cut_at_its_beginning_is_never_another_weight():
    whole = b"SI       12.345 kg \r\n"
    for at in range(1, len(whole)):
        assert [] == [r for m in _told(scale.RADWAG, whole[at:]) for r in m.readings]


CHANGES = {
    "no TOML": ("pattern = 'W", "pattern = W", "no TOML"),
    "unknown key": ("[[sample]]", "pattren = 'W'\n[[sample]]", "unknown key 'pattren'"),
    "unknown key of a sample": ("says =", "sais =", "unknown key 'sais'"),
    "no pattern": ("pattern = 'W(?P<net>.{8})(?P<unit>.{2})'", "", "pattern is missing"),
    "a pattern that is none": ("'W(", "'W((", "kind of group"),
    "no weight": ("<net>", "<unit2>", "no group for a weight"),
    "no unit": ("(?P<unit>.{2})", ".{2}", "group 'unit'"),
    "an odd unit": ("[[sample]]", 'unit = "lb"\n[[sample]]', "unit = 'lb'"),
    "an odd unit of its own": ("[[sample]]", '[units]\nP = "lb"\n[[sample]]', "units"),
    "no sample": ("[[sample]]", "[units]", "units"),
    "a status without meaning": (".{2})'", ".{2})(?P<s>.?)'", "the group 's' means"),
    "a meaning of nothing": ("[[sample]]", '[means.s]\nA = "stable"\n[[sample]]', "means.s"),
    "an odd line": ("[[sample]]", 'line = "9600"\n[[sample]]', "line = '9600'"),
    "odd ends": ("[[sample]]", 'ends = ""\n[[sample]]', "0 bytes"),
    "an odd question": ("[[sample]]", 'ask = "€"\n[[sample]]', "ask = '€'"),
    "an odd pause": ("[[sample]]", "interval_ms = 1\n[[sample]]", "interval_ms = 1"),
    "odd places": ("[[sample]]", "places = 10\n[[sample]]", "places = 10"),
    "a sample of another scale": ('"W   1', '"X   1', "no line of the pattern"),
    "a point in another place": ("1.25 kg", "12.5 kg", "it is read as"),
    "an amount of another unit": ("1.25 kg", "1.25 lb", "net = '1.25 lb'"),
    "a weight that is a fault": ('says = { net = "1.25 kg" }', 'fault = "over"', "it is read as"),
    "a fault of no kind": ('says = { net = "1.25 kg" }', 'fault = "tired"', "fault = 'tired'"),
    "judged where it cannot": ('kg" }', 'kg", stable = true }', "it is read as"),
    "too long": ("[[sample]]", "#" * 32_768 + "\n[[sample]]", "characters"),
    "a group in a skip": ("[[sample]]", "skip = ['(?P<a>X)']\n[[sample]]", "skip: a group"),
    "too many skips": (
        "[[sample]]",
        "skip = ['X','X','X','X','X','X','X','X','X']\n[[sample]]",
        "9",
    ),
}


def test_the_plain_map_is_read():
    assert scalefile.read(PLAIN).sends == {}


@pytest.mark.parametrize("change", CHANGES)
def test_a_mistake_in_a_map_is_named_before_anything_is_asked(change):
    old, new, what = CHANGES[change]
    assert old in PLAIN
    assert what in _refused(PLAIN.replace(old, new, 1))


def test_a_sample_that_is_not_read_as_it_says_is_named_with_its_line():
    assert "line 3, sample 1" in _refused(PLAIN.replace("1.25 kg", "1.2 kg"))


def test_every_group_stands_in_a_sample():
    text = scale.RADWAG.replace('[[sample]]\nline = "ES"\nfault = "syntax"\n', "")
    assert "no sample shows the group 'error'" in _refused(text)


def test_a_command_takes_the_place_of_the_next_question():
    session = scale.DEVICE.open({"map": scale.RADWAG})
    assert [Send(b"SI\r\n"), Wait(1.0)] == session.timeout()
    assert [] == session.command("zero")
    told = session.feed(b"SI        1.000 kg \r\n")
    assert Wait(0.2) == told[-1]
    assert Send(b"Z\r\n") in session.timeout()
    assert [] == [step for step in session.feed(b"Z A\r\nZ D\r\n") if not isinstance(step, Wait)]
    assert Send(b"SI\r\n") in session.timeout()


def test_a_scale_that_talks_by_itself_is_told_at_once_and_never_asked():
    text = PLAIN.replace("[[sample]]", 'tare = "T\\r\\n"\n\n[[sample]]')
    session = scale.DEVICE.open({"map": text})
    assert [] == session.timeout()
    assert [Send(b"T\r\n")] == session.command("tare")
    (told,) = session.command("zero")
    assert "logic" == told.faults[0].kind


def test_the_page_shows_the_maps_that_the_driver_is_tried_with():
    block, radwag, bilanciai = blocks(PAGE, "toml")
    assert scale.RADWAG == radwag
    assert scale.BILANCIAI == bilanciai
    assert 'driver = "scale"' in block


def test_the_block_of_the_page_is_read_with_the_map_of_the_page(tmp_path):
    block, radwag, _ = blocks(PAGE, "toml")
    (tmp_path / "gateway.toml").write_text(block, "utf-8")
    (tmp_path / "radwag.toml").write_text(radwag, "utf-8")
    loaded = config.load(tmp_path / "gateway.toml")
    assert radwag == loaded.device["scale"].own()["map"]


def test_the_page_names_every_key_and_every_reason():
    page = PAGE.read_text("utf-8")
    from drivers.wire.scalewords import AMOUNTS, FAULTS, TEXTS

    words = [*scalefile._TOP, *scalefile._SAMPLE, *AMOUNTS, *TEXTS, *FAULTS]
    assert [] == [word for word in words if not re.search(rf"`?\[*{re.escape(word)}\b", page)]
