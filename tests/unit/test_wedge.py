"""A reader that types: what its keys make, and what is never told because half of it was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wedge
from drivers.reading import Message
from drivers.sdk import Rest, SettingError
from firmware_sim.devices import wedge as simulated
from firmware_sim.devices.wedge import event

SHIFT, RIGHT_SHIFT, CTRL, ENTER, TAB, KEYPAD_ENTER = 42, 54, 29, 28, 15, 96
FOUR = (2, 3, 4, 5)  # 1234


class Keyboard:
    """Writes events one after the other, 5 ms between two."""

    def __init__(self):
        self.now_ms = 1_795_600_000_000

    def wait(self, ms):
        self.now_ms += ms
        return b""

    def say(self, kind, code, value):
        self.now_ms += 5
        return event(self.now_ms, kind, code, value)

    def down(self, key, value=1):
        return self.say(1, key, value) + self.say(0, 0, 0)

    def up(self, key):
        return self.down(key, 0)

    def types(self, *keys, end=ENTER):
        return b"".join(self.down(key) + self.up(key) for key in (*keys, end))


@pytest.fixture
def keys():
    return Keyboard()


def _told(stream, **settings):
    """The codes and the kinds of faults, in order."""
    return _of(wedge.DEVICE.open(settings).feed(stream))


def _of(steps):
    return [
        one
        for step in steps
        if isinstance(step, Message)
        for one in (*(r.value for r in step.readings), *(f.kind for f in step.faults))
    ]


def test_a_code_is_told_at_the_key_that_ends_it_and_only_once(keys):
    session = wedge.DEVICE.open({})
    assert session.feed(keys.types(*FOUR)[: -4 * 24]) == []
    (message,) = session.feed(keys.down(ENTER))
    assert message.readings == (wedge._card("1234"),)
    assert message.readings[0].doubt == "unchecked"
    assert session.feed(keys.up(ENTER)) == []


@pytest.mark.parametrize("end", [ENTER, KEYPAD_ENTER])
def test_both_enter_keys_end_a_code(keys, end):
    assert _told(keys.types(*FOUR, end=end) + keys.types(*FOUR, end=end)) == ["1234", "1234"]


def test_tab_ends_a_code_where_it_is_said_to(keys):
    assert _told(keys.types(*FOUR, end=TAB), end="tab") == ["1234"]


def test_a_tab_types_nothing_where_enter_ends_a_code(keys):
    assert _told(keys.types(*FOUR, TAB, *FOUR) + keys.types(*FOUR)) == ["keystroke", "1234"]


@pytest.mark.parametrize("shift", [SHIFT, RIGHT_SHIFT])
def test_shift_holds_for_the_keys_pressed_while_it_is_down(keys, shift):
    stream = keys.down(30) + keys.up(30) + keys.down(shift)
    stream += keys.down(30) + keys.up(30) + keys.down(3) + keys.up(shift) + keys.up(3)
    assert _told(stream + keys.types(30)) == ["aA@a"]


@pytest.mark.parametrize(
    ("layout", "shifted", "expected"),
    [
        ("us", False, "1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./ "),
        ("us", True, '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? '),
        ("de", False, "1234567890qwertzuiop+asdfghjkl#yxcvbnm,.- "),
        ("de", True, "!\"$%&/()=?QWERTZUIOP*ASDFGHJKL'YXCVBNM;:_ "),
        ("fr", False, "&\"'(-_)=azertyuiop$qsdfghjklm*wxcvbn,;:! "),
        ("fr", True, "1234567890+AZERTYUIOPQSDFGHJKLM%WXCVBN?./ "),
    ],
)
def test_each_layout_types_what_stands_on_its_keys(keys, layout, shifted, expected):
    """All keys in the order of their numbers, those left out that type nothing in ASCII."""
    typing = [*range(2, 14), *range(16, 28), *range(30, 42), *range(43, 54), 57]
    blank = {
        ("de", False): {12, 13, 26, 39, 40, 41},
        ("de", True): {4, 13, 26, 39, 40, 41},
        ("fr", False): {3, 8, 10, 11, 26, 40, 41},
        ("fr", True): {12, 26, 27, 41, 43, 53},
    }
    typing = [key for key in typing if key not in blank.get((layout, shifted), ())]
    stream = keys.down(SHIFT) if shifted else b""
    stream += b"".join(keys.down(key) + keys.up(key) for key in typing)
    assert _told(stream + keys.down(ENTER), layout=layout) == [expected]


@pytest.mark.parametrize("key", [1, 14, 58, CTRL, 56, 125, 183, 103, 767], ids=str)
def test_a_key_that_types_nothing_throws_the_code_away(keys, key):
    assert _told(keys.types(2, 3, key, 4, 5) + keys.types(*FOUR)) == ["keystroke", "1234"]


def test_a_key_that_is_held_repeats_and_counts_once(keys):
    stream = keys.down(2) + keys.down(2, 2) * 30 + keys.up(2)
    assert _told(stream + keys.types(3, 4, 5)) == ["1234"]


def test_what_the_kernel_dropped_throws_the_code_away(keys):
    lost = keys.down(2) + keys.up(2) + keys.say(0, 3, 0) + keys.say(0, 0, 0)
    assert _told(lost + keys.types(3, 4, 5, 6) + keys.types(*FOUR)) == ["dropped", "1234"]


def test_dropped_events_between_two_codes_are_told_and_the_next_code_is_not_believed(keys):
    lost = keys.say(0, 3, 0) + keys.say(0, 0, 0)
    assert _told(lost + keys.types(3, 4, 5, 6) + keys.types(*FOUR)) == ["dropped", "1234"]


@pytest.mark.parametrize("lost", [event(1_795_600_000_000, 0, 3, 0), b"\x15" * 7])
def test_a_shift_that_came_up_unheard_is_not_down_for_ever(keys, lost):
    stream = keys.down(SHIFT) + lost + keys.types(*FOUR) + keys.types(*FOUR)
    assert _told(stream)[-1] == "1234"


def test_the_bytes_of_a_code_begin_with_its_own_first_key(keys):
    lost = keys.types(2, CTRL, 3, 4, 5)
    stream = keys.types(*FOUR)
    *_, message = wedge.DEVICE.open({}).feed(lost + stream)
    assert message == Message(len(lost), stream[: -3 * 24], (wedge._card("1234"),))


def test_a_pause_within_a_code_throws_it_away(keys):
    half = keys.down(2) + keys.up(2) + keys.wait(501)
    assert _told(half + keys.types(*FOUR)) == ["cut", "1234"]


def test_a_short_pause_within_a_code_does_not_matter(keys):
    half = keys.down(2) + keys.up(2) + keys.wait(490)
    assert _told(half + keys.types(3, 4, 5)) == ["1234"]


def test_a_clock_that_is_set_back_within_a_code_does_not_matter(keys):
    half = keys.down(2) + keys.up(2) + keys.wait(-3_600_000)
    assert _told(half + keys.types(3, 4, 5)) == ["1234"]


def test_a_code_whose_first_keys_were_not_heard_is_not_told(keys):
    stream = keys.types(2, 3, 4, 5, 6)[2 * 24 :]
    assert _told(stream + keys.types(*FOUR)) == ["cut", "1234"]


def test_a_code_with_a_key_up_that_was_never_down_is_thrown_away(keys):
    stream = keys.down(2) + keys.up(2) + keys.up(3) + keys.types(4, 5, 6, 7)
    assert _told(stream + keys.types(*FOUR)) == ["cut", "1234"]


def test_bytes_that_are_no_event_throw_the_code_away(keys):
    stream = keys.down(2) + keys.up(2) + b"\x15" * 7 + keys.types(3, 4, 5, 6)
    assert _told(stream + keys.types(*FOUR)) == ["cut", "noise", "1234"]


def test_who_opens_the_line_within_a_code_does_not_believe_its_end(keys):
    session = wedge.DEVICE.open({})
    assert session.timeout() == [Rest(0.5)]
    assert _of(session.feed(keys.types(*FOUR))) == ["cut"]
    assert session.feed(keys.wait(5)) == []
    assert _of(session.feed(keys.types(*FOUR))) == ["1234"]


def test_who_opens_a_quiet_line_believes_the_first_code(keys):
    session = wedge.DEVICE.open({})
    session.timeout()
    assert session.timeout() == []
    assert _of(session.feed(keys.types(*FOUR))) == ["1234"]


def test_a_line_that_is_not_quiet_yet_is_waited_for(keys):
    session = wedge.DEVICE.open({})
    session.timeout()
    session.feed(keys.down(2))
    assert session.timeout() == [Rest(0.5)]
    assert session.timeout() == []


@pytest.mark.parametrize(
    ("number", "least", "expected"),
    [
        (3, "", ["short"]),
        (4, "", ["card"]),
        (4, "5", ["short"]),
        (1, "1", ["card"]),
        (128, "", ["card"]),
        (129, "", ["long"]),
    ],
)
def test_a_code_is_neither_too_short_nor_too_long(keys, number, least, expected):
    told = _told(keys.types(*[2] * number), least=least)
    assert [one if one in {"short", "long"} else "card" for one in told] == expected


def test_enter_alone_is_no_code_and_no_fault(keys):
    assert _told(keys.types() + keys.types(*FOUR) + keys.types()) == ["1234"]


def test_a_key_that_is_held_for_minutes_fills_no_memory(keys):
    assert _told(keys.down(2) + keys.down(2, 2) * 3_000 + keys.up(2)) == ["long"]


def test_a_fault_never_says_what_was_typed(keys):
    session = wedge.DEVICE.open({})
    steps = session.feed(keys.types(2, 3, 4) + keys.types(2, 3, CTRL))
    details = [fault.detail for step in steps for fault in step.faults]
    assert details == ["3 characters, 4 are the least", "key 29 types nothing in this layout"]


@pytest.mark.parametrize(
    ("name", "value"), [("layout", "dvorak"), ("end", "space"), ("least", "0"), ("least", "129")]
)
def test_a_setting_that_cannot_be_is_refused(name, value):
    with pytest.raises(SettingError) as refused:
        wedge.DEVICE.open({name: value})
    assert refused.value.name == name


ANY = st.text(st.sampled_from("ACEYZaceyz0123456789-_:/. "), min_size=4, max_size=40)


@given(code=ANY)
def test_every_code_is_read_as_the_reader_meant_it(code):
    reader = simulated.Reader(simulated.Form(), lambda _: {"card": code})
    session = wedge.DEVICE.open({})
    told = []
    now_ms = 1_795_600_000_000
    while not told:
        now_ms += 10
        told = _of(session.feed(reader.ticks(now_ms)))
    assert told == [code]
