"""The Modbus session as a master: what it asks, when, and what it makes of odd answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import modbus, sdm72, sdm120, sdm630
from drivers.reading import Message, Reading
from drivers.sdk import Rest, Send, SettingError, Wait
from drivers.wire import crc
from drivers.wire.modbus import RTU
from drivers.wire.modbus_master import Block, Session, Timing
from drivers.wire.registermap import Map, MapBook, Value
from tests.talk import Talk

WAIT = Wait(1.0)
PAUSE = Wait(0.03)
REST = Rest(10)


def _frame(text):
    told = bytes.fromhex(text)
    return told + crc.modbus(told).to_bytes(2, "little")


ASK_SERIAL = _frame("01 03 fc00 0002")
ASK_PHASE = _frame("01 04 0000 0020")
ASK_COUNTERS = _frame("01 04 0046 000a")
ASK_SUM = _frame("01 04 0156 0002")
SERIAL = _frame("01 03 04 013370ae")  # 20148398
PHASE = _frame("01 04 40 43660000" + "00" * 60)  # 230 V
COUNTERS = _frame("01 04 14 42480000 3f800000 40000000 00000000 00000000")  # 50 Hz, 1 and 2 kWh
SUM = _frame("01 04 04 40400000")  # 3 kWh
ANSWERS = {ASK_SERIAL: SERIAL, ASK_PHASE: PHASE, ASK_COUNTERS: COUNTERS, ASK_SUM: SUM}


def _plain(steps):
    """The steps with each message by its readings, or by its faults where it has none."""
    return [
        [(r.register, r.value) for r in step.readings] or [fault.kind for fault in step.faults]
        if isinstance(step, Message)
        else step
        for step in steps
    ]


def _asking(*answered, **settings):
    """A session that has been answered these, and has asked for what comes next."""
    session = sdm120.DEVICE.open(settings)
    steps = session.timeout()
    for answer in answered:
        steps = session.feed(answer)
        steps = session.timeout()
    return session, steps


def test_a_round_asks_block_after_block_with_a_pause_between():
    session, steps = _asking()
    assert steps == [Send(ASK_SERIAL), WAIT]
    assert session.feed(SERIAL) == [PAUSE]
    assert session.timeout() == [Send(ASK_PHASE), WAIT]
    assert session.feed(PHASE) == [PAUSE]
    assert session.timeout() == [Send(ASK_COUNTERS), WAIT]
    assert session.feed(COUNTERS) == [PAUSE]
    assert session.timeout() == [Send(ASK_SUM), WAIT]
    message, pause = session.feed(SUM)
    assert pause == PAUSE
    assert session.timeout() == [REST]
    assert session.timeout() == [Send(ASK_PHASE), WAIT]  # the serial number is known
    assert len(message.readings) == 13
    assert message.faults == ()


def test_the_counters_of_a_round_are_told_together_with_its_last_answer():
    session, _ = _asking(SERIAL, PHASE, COUNTERS)
    message, _ = session.feed(SUM)
    told = {reading.register: reading.value for reading in message.readings}
    assert told["1-0:1.8.0"] == 1_000_000
    assert told["1-0:2.8.0"] == 2_000_000
    assert told["1-0:15.8.0"] == 3_000_000
    assert {reading.serial for reading in message.readings} == {"20148398"}


def test_a_rounds_bytes_give_its_readings_again():
    session, _ = _asking(SERIAL, PHASE, COUNTERS)
    message, _ = session.feed(SUM)
    assert message.raw == b"".join(question + answer for question, answer in ANSWERS.items())
    heard = sdm120.DEVICE.open({}).feed(message.raw)
    assert tuple(r for one in heard for r in one.readings) == message.readings


def test_a_silent_meter_is_asked_three_times_and_told_of_once():
    session, steps = _asking(interval="60", timeout_ms="250")
    assert steps == [Send(ASK_SERIAL), Wait(0.25)]
    assert session.timeout() == [Send(ASK_SERIAL), Wait(0.25)]
    assert session.timeout() == [Send(ASK_SERIAL), Wait(0.25)]
    assert _plain(session.timeout()) == [["silent"], PAUSE]
    assert session.timeout() == [Rest(60)]
    assert session.timeout() == [Send(ASK_SERIAL), Wait(0.25)]


def test_a_round_that_misses_one_answer_tells_no_reading_at_all():
    session, _ = _asking(SERIAL, PHASE, COUNTERS)
    session.timeout()
    session.timeout()
    told = session.timeout()
    assert _plain(told) == [["silent"], PAUSE]
    assert told[0].readings == ()
    session.timeout()
    # Another meter may hang there now.
    assert session.timeout() == [Send(ASK_SERIAL), WAIT]


def test_a_meter_without_a_serial_number_is_read_all_the_same():
    session, _ = _asking()
    assert session.feed(_frame("01 83 02")) == [PAUSE]
    for question, answer in list(ANSWERS.items())[1:]:
        assert session.timeout() == [Send(question), WAIT]
        steps = session.feed(answer)
    assert {reading.serial for reading in steps[0].readings} == {""}
    assert [fault.kind for fault in steps[0].faults] == ["refused"]
    session.timeout()
    assert session.timeout() == [Send(ASK_PHASE), WAIT]


def test_a_round_that_is_given_up_still_tells_what_was_wrong_before():
    session, _ = _asking(_frame("01 83 02"))
    session.timeout()
    session.timeout()
    assert _plain(session.timeout()) == [["refused", "silent"], PAUSE]


def test_a_book_that_never_ends_is_closed_after_64_questions():
    class Endless(MapBook):
        def round(self):
            while True:
                yield Block(4, 0, 2)

    session = Session(RTU, Endless(Map((Value(0, "r", "V"),), ())), 1, Timing(10, 1, 0.03))
    for _ in range(63):
        assert session.timeout()[0] == Send(_frame("01 04 0000 0002"))
        assert session.feed(_frame("01 04 04 43660000")) == [PAUSE]
    session.timeout()
    message, pause = session.feed(_frame("01 04 04 43660000"))
    assert (len(message.readings), pause) == (64, PAUSE)
    assert session.timeout() == [REST]


@pytest.mark.parametrize("serial", ["00000000", "ffffffff"])
def test_a_serial_number_that_was_never_set_is_none(serial):
    (message,) = sdm120.DEVICE.open({}).feed(ASK_SERIAL + _frame("01 03 04" + serial))
    assert message.readings == (Reading("0-0:96.1.0", ""),)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("01", "it has no such function: exception 01 to function 4, registers 0 to 31"),
        ("02", "it has no such registers: exception 02 to function 4, registers 0 to 31"),
        ("03", "it refuses so many registers: exception 03 to function 4, registers 0 to 31"),
        ("0a", "the gateway has no path to it: exception 0A to function 4, registers 0 to 31"),
        ("63", "for a reason of its maker's: exception 63 to function 4, registers 0 to 31"),
    ],
)
def test_a_refusal_ends_the_round_and_is_named(code, meaning):
    session, _ = _asking(SERIAL)
    message, pause = session.feed(_frame("01 84" + code))
    assert [(fault.kind, fault.detail) for fault in message.faults] == [("refused", meaning)]
    assert (message.readings, pause) == ((), PAUSE)
    assert session.timeout() == [REST]


def test_a_damaged_refusal_is_no_refusal():
    session, _ = _asking(SERIAL)
    assert _plain(session.feed(_frame("01 84 02")[:-1] + b"\x00")) == [["checksum"], WAIT]


@pytest.mark.parametrize("code", ["05", "06", "0b"])
def test_a_meter_that_is_busy_is_asked_again_a_little_later(code):
    session, _ = _asking(SERIAL)
    assert session.feed(_frame("01 84" + code)) == [WAIT]
    assert session.timeout() == [Send(ASK_PHASE), WAIT]
    session.feed(_frame("01 84" + code))
    session.timeout()
    assert _plain(session.feed(_frame("01 84" + code))) == [["refused"], PAUSE]


def test_the_echo_of_a_converter_is_passed_over():
    session, _ = _asking()
    for question, answer in ANSWERS.items():
        assert session.feed(question) == [WAIT]
        steps = session.feed(answer)
        session.timeout()
    assert len(steps[0].readings) == 13
    assert steps[0].faults == ()


def test_noise_before_an_answer_is_told_and_the_answer_read():
    session, _ = _asking(SERIAL)
    assert _plain(session.feed(b"\x00\xff" + PHASE)) == [["noise"], PAUSE]


def test_noise_that_begins_as_an_answer_does_not_hide_a_refusal():
    session, _ = _asking(SERIAL)
    assert session.feed(b"\x01\x04\x40" + _frame("01 84 02")) == [WAIT]
    assert _plain(session.timeout()) == [["noise"], ["refused"], PAUSE]


def test_an_answer_in_pieces_prolongs_the_wait_and_is_read_at_its_last_byte():
    session, _ = _asking(SERIAL)
    for byte in PHASE[:-1]:
        assert session.feed(bytes((byte,))) == [WAIT]
    assert session.feed(PHASE[-1:]) == [PAUSE]


def test_endless_noise_does_not_prolong_the_wait_for_ever():
    session, _ = _asking()
    told = [session.feed(b"\x00" * 100)[-1:] for _ in range(20)]
    assert told[0] == [WAIT]
    assert told[-1] == []


def test_a_damaged_answer_is_told_and_asked_for_again():
    session, _ = _asking(SERIAL)
    damaged = PHASE[:20] + b"\x55" + PHASE[21:]
    assert _plain(session.feed(damaged)) == [["checksum"], WAIT]
    assert session.timeout()[-2:] == [Send(ASK_PHASE), WAIT]


def test_half_an_answer_is_noise_and_then_asked_for_again():
    session, _ = _asking(SERIAL)
    assert session.feed(PHASE[:30]) == [WAIT]
    assert _plain(session.timeout()) == [["noise"], Send(ASK_PHASE), WAIT]


def test_a_second_answer_after_a_repeated_question_is_never_taken_for_the_next():
    """The first version's powers are blocks of one size: only waiting tells their answers apart."""
    session = sdm72.DEVICE.open({"version": "1"})
    session.timeout()
    session.feed(_frame("01 04 08 3f800000 40000000"))
    power = Send(_frame("01 04 0500 0002"))
    assert session.timeout() == [power, WAIT]
    assert session.timeout() == [power, WAIT]
    late = _frame("01 04 04 43fa0000")  # 500 W
    assert session.feed(late) == [WAIT]  # a whole second, for the answer to the second try
    assert _plain(session.feed(late)) == []
    assert _plain(session.timeout()) == [["noise"], Send(_frame("01 04 0502 0002")), WAIT]
    message, _ = session.feed(_frame("01 04 04 00000000"))
    assert ("1-0:2.7.0", 0) in [(r.register, r.value) for r in message.readings]


def test_an_answer_of_another_size_or_address_is_not_taken():
    session, _ = _asking(SERIAL, PHASE)
    assert session.feed(SUM) == [WAIT]
    assert session.feed(_frame("02 04 14" + "00" * 20)) == [WAIT]
    assert _plain(session.timeout()) == [["noise"], Send(ASK_COUNTERS), WAIT]


def test_an_answer_to_another_masters_question_is_not_taken_for_ours():
    session, _ = _asking(SERIAL, PHASE)
    other = _frame("01 04 0100 000a")
    assert session.feed(other + COUNTERS) == [WAIT]
    assert session.timeout() == [Send(ASK_COUNTERS), WAIT]


def test_late_tcp_answers_are_told_apart_by_their_transaction():
    session = sdm120.DEVICE.open({"protocol": "tcp", "address": "255"})
    assert session.timeout() == [Send(bytes.fromhex("0001 0000 0006 ff 03 fc00 0002")), WAIT]
    assert session.timeout() == [Send(bytes.fromhex("0002 0000 0006 ff 03 fc00 0002")), WAIT]
    assert session.feed(bytes.fromhex("0001 0000 0007 ff 03 04 00000007")) == [WAIT]
    answer = bytes.fromhex("0002 0000 0007 ff 03 04 00000007")
    assert _plain(session.feed(answer)) == [["noise"], PAUSE]
    assert session.timeout() == [
        Send(bytes.fromhex("0003 0000 0006 ff 04 0000 0020")),
        WAIT,
    ]


def test_readings_over_tcp_carry_a_doubt_for_it_has_no_check():
    stream = bytes.fromhex(
        "0007 0000 0006 01 04 0048 0004 0007 0000 000b 01 04 08 3f800000 40000000"
    )
    (message,) = sdm630.DEVICE.open({"protocol": "tcp"}).feed(stream)
    assert message.readings == (
        Reading("1-0:1.8.0", 1_000_000, "mWh", doubt="unchecked"),
        Reading("1-0:2.8.0", 2_000_000, "mWh", doubt="unchecked"),
    )
    assert message.raw == stream


def test_a_tcp_refusal_is_named():
    stream = bytes.fromhex("0007 0000 0006 01 04 0048 0004 0007 0000 0003 01 84 0b")
    (message,) = sdm630.DEVICE.open({"protocol": "tcp"}).feed(stream)
    assert message.faults[0].detail.startswith("the gateway hears nothing of it: exception 0B")


@pytest.mark.parametrize("cut", [1, 2, 5, 11, 40])
@pytest.mark.parametrize("protocol", ["rtu", "tcp"])
def test_questions_within_noise_are_found_in_any_slicing(protocol, cut):
    example = sdm630.DEVICE.examples[0].stream
    tcp = bytes.fromhex("0007 0000 0006 01 04 0048 0004 0007 0000 000b 01 04 08 3f800000 40000000")
    good = {"rtu": example, "tcp": tcp}[protocol]
    stream = good[:9] + good + b"\x01\x04" * 9 + good + good[:21] + b"\x00" * 5 + good
    whole, cuts = (sdm630.DEVICE.open({"protocol": protocol}) for _ in range(2))
    expected = whole.feed(stream)
    assert [r for one in expected for r in one.readings][-2:]
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    assert [step for piece in pieces for step in cuts.feed(piece)] == expected


def test_other_meters_on_the_line_are_no_noise():
    stream = ASK_SUM + SUM + _frame("02 04 0048 0002") + _frame("02 04 04 3f800000") + ASK_SUM + SUM
    told = sdm120.DEVICE.open({}).feed(stream)
    assert _plain(told) == [[("1-0:15.8.0", 3_000_000)]] * 2


def test_an_answer_that_does_not_follow_its_question_at_once_is_not_believed():
    """Whoever only hears cannot know whether an answer and a question were lost between."""
    told = sdm120.DEVICE.open({}).feed(ASK_SUM + b"\x00" + SUM) + sdm120.DEVICE.open({}).feed(SUM)
    assert [reading for message in told for reading in message.readings] == []


def test_a_question_with_a_wrong_check_asks_for_nothing():
    question = ASK_SUM[:-1] + bytes((ASK_SUM[-1] ^ 1,))
    assert sdm120.DEVICE.open({}).feed(question + SUM) == []


def test_a_question_that_was_left_unanswered_does_not_hide_the_next():
    told = sdm120.DEVICE.open({}).feed(ASK_PHASE + ASK_COUNTERS + ASK_SUM + SUM)
    assert _plain(told) == [[("1-0:15.8.0", 3_000_000)]]


@pytest.mark.parametrize(("start", "size"), [(0x0200, 1), (0x0400, 2)])
def test_a_question_that_begins_as_an_answer_to_the_one_before_is_one(start, size):
    """The high byte of its start is the number of bytes that such an answer says it has."""
    value = Value(start, "r", "V", {1: "u16", 2: "u32"}[size])
    session = Session(RTU, MapBook(Map((value,), ())), 1, Timing(1, 1, 1))
    unanswered = _frame(f"01 04 0000 {size:04x}")
    question = _frame(f"01 04 {start:04x} {size:04x}")
    stream = unanswered + question + _frame(f"01 04 {2 * size:02x} {230:0{4 * size}x}")
    told = [step for byte in stream for step in session.feed(bytes((byte,)))]
    assert _plain(told) == [[("r", 230_000)]]


def test_a_question_and_a_zero_are_no_answer_though_their_check_is_right():
    """The check over a question, of which its own first byte is the last, is its second byte."""
    session = Session(RTU, MapBook(Map((Value(0, "r", "V"),), ())), 1, Timing(1, 1, 1))
    question = _frame("01 04 0443 0002")
    as_answer = question + b"\x00"
    assert crc.modbus(as_answer) == 0
    assert session.feed(_frame("01 04 0000 0002") + as_answer) == []


@pytest.mark.parametrize("lost", range(1, 9))
def test_an_answer_that_lost_bytes_does_not_take_the_next_question_with_it(lost):
    stream = ASK_PHASE + PHASE[: len(PHASE) - lost] + ASK_SUM + SUM
    told = _plain(sdm120.DEVICE.open({}).feed(stream))
    assert told[-1] == [("1-0:15.8.0", 3_000_000)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("address", "0"),
        ("address", "248"),
        ("address", "one"),
        ("protocol", "ascii"),
        ("interval", "0"),
        ("interval", "1.5"),
        ("timeout_ms", "19"),
        ("pause_ms", "0"),
        ("pause_ms", "99999999999"),
        ("version", "3"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(name, text):
    with pytest.raises(SettingError) as refused:
        sdm72.DEVICE.open({name: text})
    assert refused.value.name == name
    assert text in refused.value.what


@pytest.mark.parametrize("address", ["0", "255"])
def test_a_tcp_device_itself_has_an_address_that_no_meter_on_a_wire_has(address):
    sdm120.DEVICE.open({"protocol": "tcp", "address": address})
    with pytest.raises(SettingError):
        sdm120.DEVICE.open({"address": address})


def test_a_modbus_meter_is_recognised_by_a_question_and_its_answer():
    assert modbus.DEVICE.recognise(b"\x00\x11" + ASK_SUM + SUM)
    assert sdm120.DEVICE.recognise(ASK_SUM + SUM)
    assert not modbus.DEVICE.recognise(ASK_SUM + SUM[:-1])
    assert not sdm120.DEVICE.recognise(ASK_SERIAL + _frame("01 83 02"))


def test_the_time_of_a_round_is_that_of_its_answers_and_pauses():
    """Answers 10 ms after their questions, each followed by 30 ms, the last one by 10 s."""

    class Meter:
        def __init__(self):
            self.asked_ms = []
            self.due = b""

        def hears(self, data, *, now_ms):
            self.asked_ms.append(now_ms)
            self.due = ANSWERS[data]
            return b""

        def ticks(self, now_ms):
            del now_ms
            said, self.due = self.due, b""
            return said

    meter = Meter()
    Talk(sdm120.DEVICE.open({}), meter).go_on(10_250)
    assert meter.asked_ms == [0, 40, 80, 120, 10_160, 10_200, 10_240]


ASK_ONE = _frame("01 04 0048 0001")
# An answer, a refusal, an answer that has the form of a question, and one that is a question.
SAID = [
    (ASK_SUM, SUM),
    (ASK_SUM, _frame("01 84 02")),
    (ASK_SUM, _frame("01 04 04 00000100")),
    (ASK_SUM, _frame("01 04 0400 0002")),
    (ASK_ONE, _frame("01 04 02 0001")),
    (ASK_ONE, _frame("01 04 0200 0002")),
    (ASK_PHASE, PHASE),
    (ASK_PHASE, b""),
]


@given(st.lists(st.tuples(st.sampled_from(SAID), st.integers(0, 9), st.booleans()), max_size=9))
def test_what_others_say_is_told_alike_in_one_piece_in_many_and_byte_by_byte(parts):
    """Answers are whole, lack bytes at their ends, or have one that is wrong."""
    stream = b""
    for (question, answer), lost, is_damaged in parts:
        kept = answer[: len(answer) - max(lost - 5, 0)]
        stream += question + (kept[:-1] + b"\x55" if kept and is_damaged else kept)
    told = []
    for size in (len(stream) + 1, 15, 1):  # 15 is a question and the shortest answer
        session = sdm120.DEVICE.open({})
        cuts = [stream[at : at + size] for at in range(0, len(stream), size)]
        told.append([step for cut in cuts for step in session.feed(cut)] + session.timeout())
    assert told[0] == told[1] == told[2]
