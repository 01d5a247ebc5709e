"""Values of DLMS: every type, and what is none."""

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire import axdr
from drivers.wire.axdr import Broken, Value
from firmware_sim import cosem


def _value(written: str) -> Value:
    data = bytes.fromhex(written)
    value, end = axdr.value(data, 0)
    assert end == len(data)
    return _anywhere(value)


def _anywhere(value: Value) -> Value:
    """The value without the place where it stood."""
    return value._replace(at=0, items=tuple(map(_anywhere, value.items)))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0301", 1),
        ("05fffffffe", -2),
        ("06fffffffe", 4_294_967_294),
        ("0d42", 0x42),
        ("0fff", -1),
        ("10fff0", -16),
        ("11ff", 255),
        ("12fff0", 65_520),
        ("14fffffffffffffffd", -3),
        ("15fffffffffffffffd", 18_446_744_073_709_551_613),
        ("161b", 27),
    ],
)
def test_a_number_of_each_type_has_its_sign_and_width(written: str, number: int) -> None:
    assert _value(written) == Value(int(written[:2], 16), number)


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        ("0903010203", "010203"),
        ("0a024142", "4142"),
        ("0c02c3a9", "c3a9"),
        ("040cfff0", "fff0"),  # 12 bits
        ("0900", ""),
        ("1907e5091b01092f0f00ff8880", "07e5091b01092f0f00ff8880"),
        ("1a07e5091b01", "07e5091b01"),
        ("1b092f0f00", "092f0f00"),
    ],
)
def test_octets_of_each_type_are_kept(written: str, octets: str) -> None:
    assert _value(written).octets == bytes.fromhex(octets)


def test_lengths_come_in_one_byte_or_with_their_own() -> None:
    assert len(_value("09" + "7f" + "00" * 127).octets) == 127
    assert len(_value("09" + "8180" + "00" * 128).octets) == 128
    assert len(_value("09" + "820101" + "00" * 257).octets) == 257


def test_lists_hold_lists() -> None:
    inner = Value(axdr.STRUCTURE, items=(Value(15, -1), Value(22, 35)))

    assert _value("0102 120921 02020fff1623") == Value(axdr.ARRAY, items=(Value(18, 2337), inner))


def test_no_data_is_no_value() -> None:
    assert _value("00") == Value(axdr.NULL)
    assert _value("ff") == Value(axdr.NULL)


@given(st.floats(width=32))
def test_a_real_of_32_bits_is_the_fraction_it_is(given_real: float) -> None:
    told, _ = axdr.value(b"\x17" + struct.pack(">f", given_real), 0)

    if given_real - given_real:  # infinite or no number
        assert told == Value(axdr.NULL)
    else:
        assert Fraction(told.number, told.below) == Fraction(given_real)


@given(st.floats())
def test_a_real_of_64_bits_is_the_fraction_it_is(given_real: float) -> None:
    told, _ = axdr.value(b"\x18" + struct.pack(">d", given_real), 0)

    if given_real - given_real:
        assert told == Value(axdr.NULL)
    else:
        assert Fraction(told.number, told.below) == Fraction(given_real)


@pytest.mark.parametrize(
    "written",
    ["", "06000000", "0905aa", "09", "0984", "09ff01", "0203010101", "13", "07", "0184ffffffff00"],
)
def test_what_is_no_value_is_broken(written: str) -> None:
    with pytest.raises(Broken):
        axdr.value(bytes.fromhex(written), 0)


def test_lists_are_followed_only_so_deep() -> None:
    deepest = b"\x02\x01" * axdr.DEPTH_MAX + b"\x00"

    assert axdr.value(deepest, 0)[1] == len(deepest)
    with pytest.raises(Broken):
        axdr.value(b"\x02\x01" + deepest, 0)


def test_a_list_is_only_so_long() -> None:
    with pytest.raises(Broken):
        axdr.value(b"\x01\x82\x01\x00" + b"\x00" * 256, 0)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_broken(data: bytes) -> None:
    try:
        _, end = axdr.value(data, 0)
    except Broken:
        return
    assert 0 < end <= len(data)


@pytest.mark.parametrize(
    ("octets", "written"),
    [
        (b"40799390\0\0\0\0", "40799390"),
        (b"RATE2\0\0\0", "RATE2"),
        (b"", ""),
        (b"\0", ""),
        (b"\x00\x01", "0001"),
        (b"\x0e\x37\x21\x00", "0e372100"),
        (b"caf\xe9", "636166e9"),
    ],
)
def test_octets_are_what_they_spell_or_else_hex(octets: bytes, written: str) -> None:
    assert axdr.spelled(octets) == written


def test_a_list_is_told_in_brackets() -> None:
    given_list = cosem.structure(cosem.code("0-0:99.98.4"), cosem.unsigned(3, 2))

    assert axdr.text(axdr.value(given_list, 0)[0]) == "[0000636204ff, 3]"
