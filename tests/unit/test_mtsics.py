"""The scale is asked, heard, and asked again."""

import pytest

from drivers import mtsics
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Send, Wait

ASK = Send(b"SI\r\n")


def test_an_opened_line_asks_for_the_weight() -> None:
    assert mtsics.DEVICE.open({}).timeout() == [ASK, Wait(1.0)]


def test_after_an_answer_the_next_question_waits_a_fifth_of_a_second() -> None:
    session = mtsics.DEVICE.open({})
    session.timeout()

    raw = b"S S     12.345 kg\r\n"
    reading = Reading("net", 12_345_000, "mg", None, "", None, "unchecked")
    assert session.feed(raw) == [Message(0, raw, (reading,)), Wait(0.2)]
    assert session.timeout() == [ASK, Wait(1.0)]


def test_a_silent_scale_is_asked_again_and_again() -> None:
    session = mtsics.DEVICE.open({})

    assert [session.timeout() for _ in range(3)] == [[ASK, Wait(1.0)]] * 3


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
def test_a_weight_is_milligrams_and_says_whether_it_rests(
    answer: bytes, value: int, doubt: str
) -> None:
    (message, _) = mtsics.DEVICE.open({}).feed(answer)

    assert message.readings == (Reading("net", value, "mg", None, "", None, doubt),)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"S I\r\n", "busy"),
        (b"S +\r\n", "over"),
        (b"S -\r\n", "under"),
        (b"ES\r\n", "syntax"),
        (b"ET\r\n", "transmission"),
        (b"EL\r\n", "logic"),
        (b"S S       5.10 lb\r\n", "unit"),
        (b"S S       5.10 kgs\r\n", "unit"),
    ],
)
def test_what_is_no_weight_is_a_fault_and_the_scale_is_asked_again(
    answer: bytes, kind: str
) -> None:
    (message, wait) = mtsics.DEVICE.open({}).feed(answer)

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == [kind]
    assert wait == Wait(0.2)


def test_a_serial_number_told_once_is_carried_by_every_weight() -> None:
    session = mtsics.DEVICE.open({})

    steps = session.feed(b'I4 A "0123456789"\r\nS S     100.00 g\r\n')
    assert steps[0].readings[0].serial == "0123456789"


def test_a_line_of_noise_is_told_before_the_next_weight() -> None:
    steps = mtsics.DEVICE.open({}).feed(b"S S  \x00\r\nS S     100.00 g\r\n")

    assert steps[0] == Message(0, b"", (), (Fault("noise", 0, 8),))
    assert steps[1].offset == 8


def test_half_an_answer_is_dropped_when_the_scale_falls_silent() -> None:
    session = mtsics.DEVICE.open({})
    session.feed(b"S S     100.0")

    assert session.timeout() == [Message(0, b"", (), (Fault("noise", 0, 13),)), ASK, Wait(1.0)]


def test_a_line_too_long_for_an_answer_does_not_lead_into_one() -> None:
    session = mtsics.DEVICE.open({})

    assert session.feed(b"x" * 200) == []
    (noise, message, _) = session.feed(b"S S     100.00 g\r\nS S     200.00 g\r\n")
    assert noise == Message(0, b"", (), (Fault("noise", 0, 218),))
    assert message.readings[0].value == 200_000


def test_an_answer_without_its_line_end_is_told_when_the_scale_falls_silent() -> None:
    session = mtsics.DEVICE.open({})
    assert session.feed(b"S S     100.00 g") == []

    message = session.timeout()[0]
    assert isinstance(message, Message)
    assert message.raw == b"S S     100.00 g"
    assert message.readings[0].value == 100_000
