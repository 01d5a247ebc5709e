"""A card is read whole or not at all."""

import pytest

from drivers import rdm6300
from drivers.reading import Fault, Message, Reading

CARD = b"\x020A00F3C2B18A\x03"


def test_a_card_is_ten_hex_digits() -> None:
    assert rdm6300.DEVICE.open({}).feed(CARD) == [
        Message(0, CARD, (Reading("card", "0A00F3C2B1"),))
    ]


def test_lower_case_digits_name_the_same_card() -> None:
    (message,) = rdm6300.DEVICE.open({}).feed(CARD.lower())

    assert message.readings == (Reading("card", "0A00F3C2B1"),)


def test_a_wrong_check_names_no_card() -> None:
    (message,) = rdm6300.DEVICE.open({}).feed(b"\x020A00F3C2B18B\x03")

    assert message.readings == ()
    assert message.faults == (Fault("checksum", 0, 14, "frame says 8B, its bytes give 8A"),)


@pytest.mark.parametrize(
    "broken", [b"\x020A00F3", b"\x020A00F3C2B18A", b"\x020A00F3C2G18A\x03", b"0A00F3C2B18A\x03"]
)
def test_a_card_after_a_broken_frame_is_found(broken: bytes) -> None:
    noise, message = rdm6300.DEVICE.open({}).feed(broken + CARD)

    assert noise == Message(0, b"", (), (Fault("noise", 0, len(broken)),))
    assert message.readings == (Reading("card", "0A00F3C2B1"),)


def test_half_a_frame_is_noise_after_a_silence() -> None:
    session = rdm6300.DEVICE.open({})

    assert session.feed(CARD[:9]) == []
    assert session.timeout() == [Message(0, b"", (), (Fault("noise", 0, 9),))]
    assert session.feed(CARD)[0].offset == 9
