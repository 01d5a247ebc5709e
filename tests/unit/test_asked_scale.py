"""Whoever asks a scale: its parity, its pauses, its commands, and scales that speak first."""

import pytest

from drivers import nci, sbi, toledo8217
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Rest, Send, Wait
from drivers.wire.sevenbits import EVEN, ODD, PLAIN, parity

BAG = b"\x0203.425\r"
THREE_KG = Reading("net", 3_425_000, "mg", None, "", None, "unchecked")


def test_a_scale_is_asked_in_even_parity_and_without_until_it_answers() -> None:
    session = toledo8217.DEVICE.open({})

    assert [Send(b"\xd7"), Wait(1.0)] == session.timeout()
    assert [Rest(0.5)] == session.timeout()
    assert [Send(b"W"), Wait(1.0)] == session.timeout()
    assert [Message(0, BAG, (THREE_KG,)), Rest(0.5)] == session.feed(BAG)
    assert [Send(b"W"), Wait(1.0)] == session.timeout()


def test_an_answer_in_even_parity_is_answered_in_even_parity() -> None:
    session = toledo8217.DEVICE.open({})
    session.feed(BAG)
    assert [Send(b"W"), Wait(1.0)] == session.timeout()
    session.feed(BAG.translate(EVEN))

    assert [Send(b"\xd7"), Wait(1.0)] == session.timeout()


def test_a_command_waits_for_the_answer_that_is_due() -> None:
    session = toledo8217.DEVICE.open({})
    session.timeout()

    assert session.command("zero") == []
    assert session.command("tare") == []
    assert session.command("zero") == []
    assert session.feed(BAG)[1:] == [Send(b"Z"), Wait(0.5)]
    assert session.timeout() == [Send(b"T"), Wait(0.5)]
    assert session.timeout() == [Send(b"W"), Wait(1.0)]


def test_a_command_waits_no_longer_than_for_an_answer_that_never_comes() -> None:
    session = toledo8217.DEVICE.open({})
    session.timeout()
    session.command("zero")

    assert session.timeout() == [Rest(0.5)]
    assert session.timeout() == [Send(b"Z"), Wait(0.5)]


def test_a_command_is_sent_at_once_where_nothing_is_due() -> None:
    assert nci.DEVICE.open({}).command("tare") == [Send(b"T\r".translate(EVEN)), Wait(0.5)]
    assert nci.DEVICE.open({}).command("fly") == []


def test_a_scale_that_prints_by_itself_is_not_asked() -> None:
    session = sbi.DEVICE.open({})
    line = b"N     +    3.425 kg \r\n"

    assert session.timeout() == [Rest(1.5)]
    session.feed(line * 2)
    assert session.feed(line) == [Message(44, line, (THREE_KG,)), Rest(1.5)]
    assert session.timeout() == [Send(b"\x1bP\r\n".translate(PLAIN)), Wait(1.0)]


def test_a_scale_that_prints_by_itself_is_told_at_once() -> None:
    session = sbi.DEVICE.open({})
    session.timeout()

    assert session.command("zero") == [Send(b"\x1bV\r\n".translate(ODD)), Wait(0.5)]


def test_the_rest_of_a_line_that_had_begun_is_no_weight() -> None:
    session = sbi.DEVICE.open({})
    session.timeout()
    rest_of_a_tare = b"+    1.500 kg \r\n"

    noise, message, _ = session.feed(rest_of_a_tare + b"N     +    3.425 kg \r\n")
    assert noise == Message(0, b"", (), (Fault("noise", 0, 16),))
    assert message.readings == (THREE_KG,)


def test_blank_bytes_between_answers_are_no_noise() -> None:
    session = toledo8217.DEVICE.open({})

    steps = session.feed(b"\r\n" + BAG + b"\n\0 " + BAG)
    assert [Message(2, BAG, (THREE_KG,)), Message(13, BAG, (THREE_KG,))] == steps


@pytest.mark.parametrize("place", range(len(BAG)))
def test_a_byte_of_wrong_parity_refuses_the_answer(place: int) -> None:
    answer = bytearray(BAG.translate(EVEN))
    answer[place] ^= 0x80

    message = toledo8217.DEVICE.open({}).feed(bytes(answer))[0]
    assert message.readings == ()
    assert message.faults == (Fault("parity", 0, 8, "a byte of wrong parity"),)


@pytest.mark.parametrize(
    ("raw", "table"),
    [
        (b"W\r", PLAIN),
        (b"\xd7\x8d", EVEN),
        (b"\x57\x0d\x8a", ODD),
        (b"\xd7\x0d", b""),
        (b"\x57\x0d\x0a\x80\x81", b""),
    ],
)
def test_parity_is_that_of_all_bytes_or_none(raw: bytes, table: bytes) -> None:
    assert parity(raw) == table
