"""Exchanges that makers print in their documents, and words that owners read off real meters.

The values are those printed beside them; thousandths were worked out by hand from the bits.
"""

import pytest

from drivers import modbus, sdm72, sdm630
from drivers.reading import Message, Reading
from drivers.wire import crc
from drivers.wire.modbus import HOLDING, TCP
from drivers.wire.modbus_master import Session, Timing
from drivers.wire.registermap import Map, MapBook, Value


def _one(device, stream, **settings):
    (message,) = device.open(settings).feed(stream)
    assert isinstance(message, Message)
    assert message.faults == ()
    return message.readings


def test_the_example_of_eastrons_protocol_document_is_230_2_volts():
    stream = bytes.fromhex("01 04 00 00 00 02 71 CB 01 04 04 43 66 33 34 1B 38")
    assert _one(sdm630.DEVICE, stream) == (Reading("1-0:32.7.0", 230_200, "mV"),)


# Words that an owner's SDM72D-M showed to a client, and the client's rounding of them.
# 17258, 44790 is 436A AEF6: 7690107 / 2^15. 15773, 52700 is 3D9D CDDC: 2585463 / 2^25.
# 16688, 23770 is 4130 5CDA: 5779053 / 2^19.
@pytest.mark.parametrize(
    ("start", "words", "register", "milli", "unit"),
    [
        (0x0000, (17258, 44790), "1-0:32.7.0", 234_683, "mV"),  # 234.68 V
        (0x0006, (15773, 52700), "1-0:31.7.0", 77, "mA"),  # 0.08 A
        (0x000C, (16688, 23770), "1-0:36.7.0", 11_023, "mW"),  # 11.02 W
    ],
)
def test_the_words_of_a_real_meter_are_read_as_its_owner_did(start, words, register, milli, unit):
    ask = bytes((1, 4)) + start.to_bytes(2, "big") + bytes((0, 2))
    said = bytes((1, 4, 4)) + b"".join(word.to_bytes(2, "big") for word in words)
    stream = b"".join(one + crc.modbus(one).to_bytes(2, "little") for one in (ask, said))
    assert _one(sdm72.DEVICE, stream) == (Reading(register, milli, unit),)


# A maker's example of three floats from register 1 on, and the values that he prints beside them.
KBR = """\
[[register]]
register = "1-0:32.7.0"
address = 1
unit = "V"

[[register]]
register = "1-0:31.7.0"
address = 3
unit = "A"

[[register]]
register = "1-0:14.7.0"
address = 5
unit = "Hz"

[[sample]]
question = "01 04 00 01 00 06 21 C8"
answer = "01 04 0C 43 6B 5A B4 42 DC 67 20 42 48 0C 63 AF 7C"
says = { "1-0:32.7.0" = "235.354 V", "1-0:31.7.0" = "110.201 A", "1-0:14.7.0" = "50.012 Hz" }
"""


def test_the_example_of_another_makers_document_is_a_map_and_its_sample():
    stream = bytes.fromhex("010400010006 21C8 01040C 436B5AB4 42DC6720 42480C63 AF7C")
    assert _one(modbus.DEVICE, stream, map=KBR) == (
        Reading("1-0:32.7.0", 235_354, "mV"),
        Reading("1-0:31.7.0", 110_201, "mA"),
        Reading("1-0:14.7.0", 50_012, "mHz"),
    )


def test_the_example_of_the_application_protocol_is_read():
    """V1.1b3, §6.3: registers 108 to 110, which count from 0 as 107 on, hold 022B, 0000, 0064."""
    values = tuple(Value(at, f"r{at + 1}", "V", "u16", function=HOLDING) for at in (107, 108, 109))
    session = Session(TCP, MapBook(Map(values, ())), 1, Timing(1, 1, 1))
    (message,) = session.feed(
        bytes.fromhex("0001 0000 0006 01 03 006B 0003 0001 0000 0009 01 03 06 022B 0000 0064")
    )
    assert [(one.register, one.value) for one in message.readings] == [
        ("r108", 555_000),
        ("r109", 0),
        ("r110", 100_000),
    ]
