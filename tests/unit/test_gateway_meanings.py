"""What registers are called: in both languages, and for whatever a driver reads."""

import pytest

from drivers.sdk import load, names
from gateway.meanings import Meaning, meaning

# Registers that our drivers read as numbers and that no people's word fits.
NAMELESS = {"raw", "6.6"}


@pytest.mark.parametrize(
    ("register", "expected"),
    [
        ("1-0:1.8.0", Meaning("afgenomen energie", "energy taken")),
        ("1-0:2.8.2", Meaning("teruggeleverde energie, tarief 2", "energy given back, tariff 2")),
        ("1-1:1.7.0", Meaning("vermogen afname", "power taken")),
        ("1-0:61.7.0", Meaning("vermogen afname, fase 3", "power taken, phase 3")),
        ("1-0:22.8.0", Meaning("teruggeleverde energie, fase 1", "energy given back, phase 1")),
        ("1-0:72.36.0", Meaning("spanningspieken, fase 3", "voltage swells, phase 3")),
        ("8-0:1.0.0*1", Meaning("water, eerder", "water, earlier")),
        ("hot water", Meaning("warm water", "hot water")),
    ],
)
def test_a_register_in_words(register: str, expected: Meaning) -> None:
    assert expected == meaning(register)


def test_a_count_of_pulses_is_never_called_energy() -> None:
    assert Meaning("getelde pulsen", "pulses counted") == meaning("1-0:1.8.0", "pulse")


@pytest.mark.parametrize("register", ["1-0:0.2.0", "1-0:101.7.0", "1-0:20.7.0", "x", "", "9.4"])
def test_what_nobody_wrote_down_has_no_words(register: str) -> None:
    assert None is meaning(register)


def test_every_number_of_every_driver_has_words_but_these() -> None:
    read = {
        (reading.register, reading.unit)
        for name in names()
        for example in load(name).examples
        for reading in example.readings
        if not isinstance(reading.value, str)
    }
    wordless = {register for register, unit in read if meaning(register, unit) is None}
    channels = {register for register in wordless if ":24.2." in register}
    assert NAMELESS == wordless - channels
