"""Data lines that a right checksum vouches for may still be anything at all."""

import random

from drivers import p1
from drivers.reading import COUNTS, UNITS
from drivers.wire.iec62056 import read_objects

SEED = 9
TELEGRAMS = 4000
ALPHABET = "0123456789().*:-\r\nSWkh²³¹\xff/!*abcGJm3 \t\0\x85\x1c\xa0"


def _changed(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 8)):
        at, to = (chance.randrange(len(text)) for _ in range(2))
        letter = chance.choice(ALPHABET)
        text = chance.choice(
            [
                text[:at] + letter + text[at + 1 :],
                text[:at] + letter * chance.choice([1, 2, 5, 30, 5000]) + text[at:],
                text[:at] + text[at + chance.randrange(60) :],
                text[:at] + text[to : to + 60] + text[at:],
            ]
        )
    return text.rstrip("\n") + "\n"


def test_any_text_gives_readings_in_their_form_and_faults_in_their_place() -> None:
    chance = random.Random(SEED)
    plain = [shown.stream.decode("latin-1") for shown in p1.DEVICE.examples if not shown.settings]
    whole = [text.rpartition("!")[0] for text in plain]
    for _ in range(TELEGRAMS):
        text = _changed(chance.choice(whole), chance)
        readings, faults = read_objects(text, offset=0, doubt="")
        for reading in readings:
            if isinstance(reading.value, int):
                assert reading.unit in UNITS.keys() | COUNTS
                assert -(2**63) < reading.value < 2**63
            else:
                assert reading.unit == ""
        for fault in faults:
            assert 0 <= fault.offset < fault.offset + fault.length <= len(text)
