"""The M-Bus driver as a master: what it asks, when, and what it makes of odd answers."""

import pytest

from drivers import mbus
from drivers.reading import Message
from drivers.sdk import Rest, Send, SettingError, Wait
from drivers.wire.mbus import long
from drivers.wire.noise import NOISE_TOLD

RESET = bytes.fromhex("1040fe3e16")
FIRST = bytes.fromhex("107bfe7916")
SECOND = bytes.fromhex("105bfe5916")
ACK = b"\xe5"
WAIT = Wait(1.0)
REST = Rest(60)
SILENT = "silent"


def _answer(records, serial="78563412", ci=0x72):
    """RSP_UD of a gas meter, maker XYZ."""
    return long(8, 1, ci, bytes.fromhex(serial + "3a63 01 03 00 00 0000" + records))


LAST = _answer("0c13 01000000")
ONE_OF_TWO = _answer("0c13 01000000 1f")


def _plain(steps):
    """The steps with each message by its registers after the header, or by its faults."""
    return [
        tuple(r.register for r in step.readings[4:]) or [fault.kind for fault in step.faults]
        if isinstance(step, Message)
        else step
        for step in steps
    ]


def _asking():
    """A session that has been acknowledged and has asked for data."""
    session = mbus.DEVICE.open({})
    assert session.timeout() == [Send(RESET), WAIT]
    assert session.feed(ACK) == [Send(FIRST), WAIT]
    return session


def test_a_round_is_reset_request_and_rest():
    session = _asking()
    assert _plain(session.feed(LAST)) == [("7-0:3.0.0",), REST]
    assert session.timeout() == [Send(RESET), WAIT]


def test_the_count_bit_turns_with_every_telegram_of_an_answer():
    session = _asking()
    assert _plain(session.feed(ONE_OF_TWO)) == [("7-0:3.0.0",), Send(SECOND), WAIT]
    assert _plain(session.feed(ONE_OF_TWO)) == [("7-0:3.0.0",), Send(FIRST), WAIT]
    assert _plain(session.feed(LAST)) == [("7-0:3.0.0",), REST]


def test_a_meter_that_always_has_more_is_left_alone_after_32_telegrams():
    session = _asking()
    answers = [session.feed(ONE_OF_TWO)[-1] for _ in range(32)]
    assert answers == [WAIT] * 31 + [REST]


def test_a_damaged_answer_is_told_and_asked_for_again_with_the_same_bit():
    session = _asking()
    damaged = LAST[:20] + b"\x55" + LAST[21:]
    assert _plain(session.feed(damaged)) == [["checksum"], WAIT]
    assert session.timeout() == [Send(FIRST), WAIT]
    assert _plain(session.feed(LAST)) == [("7-0:3.0.0",), REST]


def test_a_silent_meter_is_asked_three_times_and_told_of_once():
    session = mbus.DEVICE.open({"interval": "3600", "timeout_ms": "250"})
    for _ in range(3):
        assert session.timeout() == [Send(RESET), Wait(0.25)]
    assert _plain(session.timeout()) == [[SILENT], Rest(3600)]
    assert session.timeout() == [Send(RESET), Wait(0.25)]


def test_half_an_answer_is_noise_and_then_asked_for_again():
    session = _asking()
    assert session.feed(LAST[:20]) == [WAIT]
    assert _plain(session.timeout()) == [["noise"], Send(FIRST), WAIT]


def test_an_answer_that_comes_slowly_prolongs_the_wait():
    session = _asking()
    for byte in LAST[:-1]:
        assert session.feed(bytes((byte,))) == [WAIT]
    assert session.feed(LAST[-1:])[-1] == REST


def test_endless_noise_does_not_prolong_the_wait_for_ever():
    session = _asking()
    told = [session.feed(b"\x00" * 100) for _ in range(20)]
    assert told[0] == [WAIT]
    assert told[-1] == []


def test_the_echo_of_a_converter_is_passed_over():
    session = mbus.DEVICE.open({})
    session.timeout()
    assert session.feed(RESET) == [WAIT]
    assert session.feed(ACK) == [Send(FIRST), WAIT]
    assert session.feed(FIRST) == [WAIT]
    assert _plain(session.feed(LAST)) == [("7-0:3.0.0",), REST]


def test_a_meter_is_selected_by_its_secondary_address():
    session = mbus.DEVICE.open({"secondary": "12345678ffffffff"})
    select = bytes.fromhex("680b0b6853fd5278563412ffffffffb216")
    assert session.timeout() == [Send(bytes.fromhex("1040fd3d16")), WAIT]
    assert session.timeout() == [Send(select), WAIT]
    assert session.feed(ACK) == [Send(bytes.fromhex("107bfd7816")), WAIT]
    assert _plain(session.feed(LAST)) == [("7-0:3.0.0",), REST]


def test_a_meter_that_was_selected_still_answers_the_reset_at_once():
    session = mbus.DEVICE.open({"secondary": "12345678FFFFFFFF"})
    session.timeout()
    (send, wait) = session.feed(ACK)
    assert (send.data[6], wait) == (0x52, WAIT)


def test_a_primary_address_is_asked_for():
    session = mbus.DEVICE.open({"address": "17"})
    assert session.timeout() == [Send(bytes.fromhex("1040115116")), WAIT]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("address", "251"),
        ("address", "255"),
        ("address", "-1"),
        ("address", "one"),
        ("secondary", "1234567"),
        ("secondary", "12345678GGGGGGGG"),
        ("interval", "0"),
        ("interval", "0.5"),
        ("timeout_ms", "49"),
        ("timeout_ms", "99999999999"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(name, text):
    with pytest.raises(SettingError) as refused:
        mbus.DEVICE.open({name: text})
    assert refused.value.name == name


def test_what_is_no_frame_is_noise_and_never_a_collision():
    session = mbus.DEVICE.open({})
    told = session.feed(b"\x00\xff\xe5\xe5\x68\x68" + LAST)
    assert _plain(told) == [["noise"], ("7-0:3.0.0",)]
    assert told[0].faults[0][1:3] == (0, 6)


def test_two_acknowledgements_that_run_together_are_one_and_a_byte_of_noise():
    session = mbus.DEVICE.open({})
    session.timeout()
    assert session.feed(b"\xe5\xe5") == [Send(FIRST), WAIT]
    assert _plain(session.feed(LAST)) == [["noise"], ("7-0:3.0.0",), REST]


def test_another_masters_requests_and_their_acknowledgements_are_no_noise():
    session = mbus.DEVICE.open({})
    told = session.feed(RESET + ACK + FIRST + LAST + SECOND + LAST)
    assert _plain(told) == [("7-0:3.0.0",), ("7-0:3.0.0",)]
    assert [message.offset for message in told] == [11, 16 + len(LAST)]


def test_another_masters_request_is_acknowledged_once():
    session = mbus.DEVICE.open({})
    told = session.feed(RESET + ACK) + session.feed(ACK + LAST)
    assert _plain(told) == [["noise"], ("7-0:3.0.0",)]
    assert told[0].faults[0][1:3] == (6, 1)


@pytest.mark.parametrize("cut", [1, 5, 41, 108, 200])
def test_a_telegram_within_a_longer_frame_is_not_read(cut):
    # 0x68 bytes of content: the head of this frame is four times 68.
    frame = long(0x53, 255, 0x00, LAST.ljust(0x65, b"\x00"))
    session = mbus.DEVICE.open({})
    pieces = [frame[at : at + cut] for at in range(0, len(frame), cut)]
    assert [step for piece in pieces for step in session.feed(piece)] == []
    assert frame[:4] == b"\x68" * 4


def test_an_application_error_is_a_refusal():
    session = _asking()
    assert _plain(session.feed(long(8, 1, 0x70, b"\x08"))) == [["refused"], REST]


def test_the_push_of_an_austrian_electricity_meter_is_no_answer():
    push = long(0x53, 255, 0x00, bytes.fromhex("0167db08") + bytes(range(100)))
    session = mbus.DEVICE.open({})
    assert session.feed(push) == []
    assert not mbus.DEVICE.recognise(push)


@pytest.mark.parametrize(
    "sample", [b"", RESET + ACK, LAST[:-1], LAST[:-2] + b"\x00\x16", b"\x68" * 300]
)
def test_a_meter_is_not_recognised_by_less_than_a_whole_answer(sample):
    assert not mbus.DEVICE.recognise(sample)


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_row_of_68_before_a_telegram_gives_the_same_in_any_slicing(cut):
    stream = b"\x68" * 37 + LAST + b"\x68" * 120 + b"\x16" + LAST
    whole, cuts = mbus.DEVICE.open({}), mbus.DEVICE.open({})
    expected = whole.feed(stream) + whole.timeout()
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    assert [step for piece in pieces for step in cuts.feed(piece)] + cuts.timeout() == expected


@pytest.mark.parametrize("cut", [1, 4, 9, 13, 1000])
def test_answers_too_short_for_their_header_are_noise_together(cut):
    stream = b"".join(long(8, 1, 0x72, bytes(size)) for size in range(12)) + LAST
    session = mbus.DEVICE.open({})
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    told = [step for piece in pieces for step in session.feed(piece)]
    assert _plain(told) == [["noise"], ("7-0:3.0.0",)]
    assert told[0].faults[0][1:3] == (0, 12 * 9 + 66)


def test_a_meter_that_answers_nothing_is_asked_again():
    session = _asking()
    assert session.feed(long(8, 1, 0x72)) == [WAIT]
    assert _plain(session.timeout()) == [["noise"], Send(FIRST), WAIT]


@pytest.mark.parametrize("cut", [1, 5, 6, 7, 1000])
def test_any_number_of_resets_and_their_acknowledgements_is_no_noise(cut):
    stream = (RESET + ACK) * 50 + FIRST + LAST
    session = mbus.DEVICE.open({})
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    assert _plain([step for piece in pieces for step in session.feed(piece)]) == [("7-0:3.0.0",)]


def test_our_own_acknowledgement_is_seen_within_a_row_of_questions():
    session = mbus.DEVICE.open({})
    session.timeout()
    assert session.feed(RESET + ACK + SECOND) == [Send(FIRST), WAIT]


@pytest.mark.parametrize("first", [1, NOISE_TOLD - 1, NOISE_TOLD, NOISE_TOLD + 1])
def test_a_question_amid_noise_is_noise_wherever_the_stream_is_cut(first):
    stream = bytes(NOISE_TOLD) + RESET + FIRST + LAST
    session = mbus.DEVICE.open({})
    told = session.feed(stream[:first]) + session.feed(stream[first:])
    assert _plain(told) == [["noise"], ["noise"], ("7-0:3.0.0",)]
    assert [step.faults[0].length for step in told[:2]] == [NOISE_TOLD, 10]


def test_only_a_reset_is_acknowledged_within_a_row_of_questions():
    told = mbus.DEVICE.open({}).feed(FIRST + ACK + FIRST + LAST)
    assert _plain(told) == [["noise"], ("7-0:3.0.0",)]
    assert told[0].faults[0][1:3] == (5, 6)
