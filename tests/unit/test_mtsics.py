"""The scale is asked, heard, and asked again; told to be zero; and believed only at rest."""

import pytest

from drivers import mtsics
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Rest, Send, Wait

ASK = Send(b"SI\r\n")
PAUSE = Rest(0.2)


def weights(doubt, serial="", **weights_mg):
    return tuple(
        Reading(name, mg, "mg", None, serial, None, doubt) for name, mg in weights_mg.items()
    )


class Talk:
    """A session, and what it asks for next."""

    def __init__(self):
        self.session = mtsics.DEVICE.open({})

    def asks(self):
        """The next question; there must be one, and a time to wait for its answer."""
        (send, wait) = self.session.timeout()
        assert isinstance(wait, Wait)
        return send.data.removesuffix(b"\r\n")

    def answered(self, *lines):
        """The messages that come of lines, and no sooner question than after a pause."""
        *messages, pause = self.session.feed(b"".join(line + b"\r\n" for line in lines))
        assert pause == PAUSE
        return messages

    def unanswered(self):
        assert self.session.timeout() == [PAUSE]

    def meets(self, **answers):
        """Questions and answers until each of `answers` was given; no serial number by default."""
        known = {"SI": b"S S      2.605 kg", "I4": b"ES"} | answers
        left = set(answers)
        for _ in range(9):
            question = self.asks().decode()
            self.answered(known[question])
            left.discard(question)
            if not left:
                return
        raise AssertionError(f"never asked for {sorted(left)}")


def test_an_opened_line_asks_for_the_weight():
    assert mtsics.DEVICE.open({}).timeout() == [ASK, Wait(1.0)]


def test_after_an_answer_the_next_question_waits_a_fifth_of_a_second():
    session = mtsics.DEVICE.open({})
    session.timeout()

    raw = b"S S     12.345 kg\r\n"
    assert session.feed(raw) == [
        Message(0, raw, weights("unchecked", net=12_345_000)),
        PAUSE,
    ]
    assert session.feed(raw) == [Message(19, raw, weights("unchecked", net=12_345_000))]


def test_a_silent_scale_is_asked_again_and_again():
    session = mtsics.DEVICE.open({})

    assert [session.timeout() for _ in range(4)] == [[ASK, Wait(1.0)], [PAUSE]] * 2


@pytest.mark.parametrize(
    ("answer", "value", "doubt"),
    [
        (b"S S     100.00 g\r\n", 100_000, "unchecked"),
        (b"S D     100.00 g\r\n", 100_000, "unstable"),
        (b"S S      -0.12 g\r\n", -120, "unchecked"),
        (b"S S          7 mg\r\n", 7, "unchecked"),
        (b"S S    1.23456 g\r\n", 1_234, "unchecked"),
        (b"S S   -1.23456 g\r\n", -1_235, "unchecked"),
        (b"S S     0.5005 t\r\n", 500_500_000, "unchecked"),
        (b"S S      1.000 kg\n", 1_000_000, "unchecked"),
    ],
)
def test_a_weight_is_milligrams_and_says_whether_it_rests(answer, value, doubt):
    (message,) = mtsics.DEVICE.open({}).feed(answer)

    assert message.readings == weights(doubt, net=value)


NO_WEIGHTS = [
    (b"S I\r\n", "busy"),
    (b"S +\r\n", "over"),
    (b"S -\r\n", "under"),
    (b"ES\r\n", "syntax"),
    (b"ET\r\n", "transmission"),
    (b"EL\r\n", "logic"),
    (b"S S       5.10 lb\r\n", "unit"),
    (b"S S       5.10 kgs\r\n", "unit"),
    (b"S S       5.10 KG\r\n", "unit"),
    (b"S S    5:10.50 lb:oz\r\n", "unit"),
    (b"S S         12 PCS\r\n", "unit"),
    (b"S S      10.50 %\r\n", "unit"),
    (b"S S    5:10.50 kg\r\n", "unit"),
]


@pytest.mark.parametrize(("answer", "kind"), NO_WEIGHTS)
def test_what_is_no_weight_is_a_fault_and_the_scale_is_asked_again(answer, kind):
    session = mtsics.DEVICE.open({})
    session.timeout()
    (message, pause) = session.feed(answer)

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == [kind]
    assert pause == PAUSE


@pytest.mark.parametrize(("answer", "kind"), NO_WEIGHTS)
def test_a_weight_that_was_interrupted_is_not_taken_for_one_that_lay_still(answer, kind):
    talk = Talk()
    talk.meets(TA=b"TA A      1.500 kg")
    assert kind
    talk.session.feed(answer)
    (message,) = talk.session.feed(b"S S      2.605 kg\r\n")

    confirmed = weights("unchecked", gross=4_105_000, tare=1_500_000, net=2_605_000)
    alone = weights("unchecked", net=2_605_000)
    # An error answers a question; it says nothing of what lies on the scale.
    assert message.readings == (confirmed if answer[:1] == b"E" else alone)


def test_a_serial_number_is_asked_for_once_and_carried_by_every_weight():
    talk = Talk()
    talk.meets(I4=b'I4 A "0123456789"')

    (message,) = talk.session.feed(b"S D     100.00 g\r\n")
    assert message.readings == weights("unstable", "0123456789", net=100_000)
    asked = []
    for _ in range(6):
        asked.append(talk.asks())
        talk.answered(b"S D     100.00 g")
    assert asked == [b"SI"] * 6


@pytest.mark.parametrize("answer", [b"ES", b"EL"])
@pytest.mark.parametrize("question", ["I4", "TA"])
def test_a_question_that_the_scale_does_not_know_is_never_asked_again(question, answer):
    talk = Talk()
    talk.meets(**{"I4": b'I4 A "1"', question: answer})
    asked = set()
    for mg in range(9):
        question_now = talk.asks()
        asked.add(question_now)
        talk.answered(b"S S      2.60%d kg" % mg if question_now == b"SI" else b"TA A   0.000 kg")
    assert question.encode() not in asked


@pytest.mark.parametrize("question", ["I4", "TA"])
def test_a_question_that_stays_unanswered_is_given_up_after_two_tries(question):
    talk = Talk()
    known = {b"I4": b'I4 A "1"', b"TA": b"TA A   0.000 kg"}
    asked = []
    for turn in range(12):
        now = talk.asks()
        asked.append(now)
        if now == question.encode():
            talk.unanswered()
        else:
            talk.answered(known.get(now, b"S S      2.60%d kg" % (turn % 10)))
    assert asked.count(question.encode()) == 2


def test_a_question_that_was_damaged_is_asked_again():
    talk = Talk()
    assert talk.asks() == b"SI"
    talk.answered(b"S D   0.000 kg")
    assert talk.asks() == b"I4"
    assert talk.answered(b"ET") == []
    assert talk.asks() == b"I4"


def test_a_scale_that_comes_back_may_be_another_one():
    talk = Talk()
    talk.meets(I4=b'I4 A "first"', TA=b"TA A      1.500 kg")
    assert talk.asks() == b"SI"
    talk.unanswered()
    assert talk.asks() == b"SI"
    (message,) = talk.answered(b"S D      2.605 kg")
    assert message.readings == weights("unstable", net=2_605_000)
    assert talk.asks() == b"I4"


def test_gross_and_tare_are_told_of_the_weight_that_lay_there_before_and_after():
    talk = Talk()
    talk.meets(TA=b"TA A      1.500 kg")

    (message,) = talk.session.feed(b"S S      2.605 kg\r\n")
    assert message.readings == weights("unchecked", gross=4_105_000, tare=1_500_000, net=2_605_000)
    (message,) = talk.session.feed(b"S S      2.600 kg\r\n")
    assert message.readings == weights("unchecked", net=2_600_000)


@pytest.mark.parametrize(
    "between",
    [b"S D      2.605 kg", b"S S      2.600 kg", b"S +", b"S -", b"S I", b"Z A", b"T S   2.605 kg"],
)
def test_a_tare_is_asked_for_again_after_anything_that_may_have_changed_it(between):
    talk = Talk()
    talk.meets(I4=b'I4 A "1"', TA=b"TA A      1.500 kg")
    talk.session.feed(between + b"\r\n")

    (message,) = talk.session.feed(b"S S      2.605 kg\r\n")
    assert message.readings == weights("unchecked", "1", net=2_605_000)
    assert talk.asks() == b"TA"


def test_a_tare_is_asked_for_again_after_a_line_that_could_not_be_read():
    talk = Talk()
    talk.meets(I4=b'I4 A "1"', TA=b"TA A      1.500 kg")
    (_, message) = talk.session.feed(b"S D      2.6#5 kg\r\nS S      2.605 kg\r\n")

    assert message.readings == weights("unchecked", "1", net=2_605_000)
    assert talk.asks() == b"TA"


def test_a_tare_that_is_told_while_the_scale_moves_is_not_put_to_a_weight_at_rest():
    session = mtsics.DEVICE.open({})
    lines = b"S D   1.000 kg\r\nTA A   1.500 kg\r\nS S   1.000 kg\r\n"

    last = session.feed(lines)[-1]
    assert last.readings == weights("unchecked", net=1_000_000)


def test_a_moving_weight_is_told_with_the_tare_last_heard():
    talk = Talk()
    talk.meets(TA=b"TA A      1.500 kg")

    (message,) = talk.session.feed(b"S D      0.500 kg\r\n")
    assert message.readings == weights("unstable", gross=2_000_000, tare=1_500_000, net=500_000)


def test_a_tare_in_a_unit_that_nobody_knows_is_not_asked_for_again():
    talk = Talk()
    talk.meets(I4=b'I4 A "1"')
    talk.meets(TA=b"TA A      3.307 lb")
    asked = []
    for _ in range(4):
        asked.append(talk.asks())
        talk.answered(b"S S      2.605 kg")
    assert asked == [b"SI"] * 4


@pytest.mark.parametrize(
    ("word", "sends", "answer"),
    [("zero", b"Z", b"Z A"), ("tare", b"T", b"T S      1.500 kg")],
)
def test_a_command_goes_before_the_next_question_and_is_waited_for(word, sends, answer):
    session = mtsics.DEVICE.open({})
    session.timeout()
    assert session.command(word) == []
    session.feed(b"S S      1.500 kg\r\n")

    assert session.timeout() == [Send(sends + b"\r\n"), Wait(5.0)]
    assert session.feed(answer + b"\r\n") == [PAUSE]
    assert session.timeout()[0] != Send(sends + b"\r\n")


def test_a_command_that_waits_is_sent_once_however_often_it_is_given():
    talk = Talk()
    for _ in range(50):
        talk.session.command("zero")
    talk.session.command("tare")
    asked = []
    for _ in range(3):
        asked.append(talk.asks())
        talk.unanswered()
    assert asked == [b"Z", b"T", b"SI"]


@pytest.mark.parametrize(("word", "sends"), [("zero", [b"Z", b"ZI"]), ("tare", [b"T", b"TI"])])
def test_a_scale_that_does_not_know_a_command_is_told_the_other_one(word, sends):
    talk = Talk()
    talk.session.command(word)

    assert talk.asks() == sends[0]
    assert talk.answered(b"ES") == []
    assert talk.asks() == sends[1]
    (message,) = talk.answered(b"ES")
    assert [fault.kind for fault in message.faults] == ["syntax"]
    assert talk.asks() == b"SI"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"Z I", "busy"),
        (b"Z +", "refused"),
        (b"Z -", "refused"),
        (b"T I", "busy"),
        (b"T +", "refused"),
        (b"T -", "refused"),
        (b"ZI +", "refused"),
        (b"TI L", "refused"),
    ],
)
def test_a_command_that_is_refused_is_a_fault_and_no_weight(answer, kind):
    (message,) = mtsics.DEVICE.open({}).feed(answer + b"\r\n")

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == [kind]


@pytest.mark.parametrize("answer", [b"Z A", b"ZI D", b"ZI S", b"T S   1.500 kg", b"TI D   1.5 kg"])
def test_what_a_command_did_is_no_weight(answer):
    assert mtsics.DEVICE.open({}).feed(answer + b"\r\n") == []


@pytest.mark.parametrize("error", [b"ES", b"ET", b"EL"])
def test_an_error_that_answers_nothing_says_nothing(error):
    assert mtsics.DEVICE.open({}).feed(error + b"\r\n") == []


def test_a_scale_that_repeats_by_itself_does_not_put_off_the_next_question():
    session = mtsics.DEVICE.open({})
    session.timeout()
    session.feed(b"S D   1.000 kg\r\n")

    assert session.feed(b"S D   1.000 kg\r\n" * 3) == [
        Message(16 * n, b"S D   1.000 kg\r\n", weights("unstable", net=1_000_000))
        for n in (1, 2, 3)
    ]


def test_a_line_of_noise_is_told_before_the_next_weight():
    steps = mtsics.DEVICE.open({}).feed(b"S S  \x00\r\nS S     100.00 g\r\n")

    assert steps[0] == Message(0, b"", (), (Fault("noise", 0, 8),))
    assert steps[1].offset == 8


def test_half_an_answer_is_dropped_when_the_scale_falls_silent():
    session = mtsics.DEVICE.open({})
    session.timeout()
    session.feed(b"S S     100.0")

    assert session.timeout() == [Message(0, b"", (), (Fault("noise", 0, 13),)), PAUSE]


def test_a_line_too_long_for_an_answer_does_not_lead_into_one():
    session = mtsics.DEVICE.open({})

    assert session.feed(b"x" * 200) == []
    (noise, message) = session.feed(b"S S     100.00 g\r\nS S     200.00 g\r\n")
    assert noise == Message(0, b"", (), (Fault("noise", 0, 218),))
    assert message.readings[0].value == 200_000


def test_an_answer_without_its_line_end_is_told_when_the_scale_falls_silent():
    session = mtsics.DEVICE.open({})
    session.timeout()
    assert session.feed(b"S S     100.00 g") == []

    (message, pause) = session.timeout()
    assert message.raw == b"S S     100.00 g"
    assert message.readings[0].value == 100_000
    assert pause == PAUSE
