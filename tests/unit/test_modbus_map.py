"""Maps of registers: numbers become milli-units exactly, and a map is tried before it is used."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import modbus
from drivers.reading import Fault, Reading
from drivers.sdk import Send, SettingError
from drivers.wire import mapfile
from drivers.wire.modbus import HOLDING, INPUT, Question
from drivers.wire.modbus_master import Block
from drivers.wire.registermap import TYPES, VALUE_MAX, Map, MapBook, Value, blocks, read, scaled
from tests.docs.test_pages import blocks as fenced

PAGE = Path(__file__).parents[2] / "docs" / "modbus-map.md"
PLACE = (7, 9)


def _read(value, raw):
    """One value by itself, and as a book reads it: both must say the same."""
    book = MapBook(Map((value,), ()))
    told = book.take(Question(1, value.function, value.address, value.size), raw, PLACE)
    alone = read(value, raw, PLACE, "", "")
    assert [*told.readings, *told.faults] == [alone]
    return alone


@pytest.mark.parametrize(
    ("value", "raw", "milli"),
    [
        (Value(0, "r", "kWh"), "46 40 E6 B6", 12_345_677_734),  # 12345.677734375
        (Value(0, "r", "V"), "43 66 19 9A", 230_100),  # 230.100006103515625
        (Value(0, "r", "W"), "C4 5D D9 9A", -887_400),  # -887.4000244140625
        (Value(0, "r", "V", scale=-1), "45 0F C0 00", 230_000),  # 2300.0
        (Value(0, "r", "A"), "3A 83 12 6F", 1),  # 0.001000000047497451
        (Value(0, "r", "A"), "3A 03 12 6F", 1),  # just above half of 0.001
        (Value(0, "r", "W"), "3B 00 00 00", 2),  # 0.001953125
        (Value(0, "r", "V", "u16", -1), "08 FD", 230_100),
        (Value(0, "r", "A", "i16", -2), "FF 9C", -1_000),
        (Value(0, "r", "kWh", "u32", -2), "00 12 D6 87", 12_345_670_000),
        (Value(0, "r", "kWh", "u32", -2, low_first=True), "D6 87 00 12", 12_345_670_000),
        (Value(0, "r", "W", "i32", -1, low_first=True), "D0 E7 FF FF", -1_205_700),
        (Value(0, "r", "Wh", "u64"), "00 00 00 00 00 BC 61 4E", 12_345_678_000),
        (Value(0, "r", "Wh", "i64", low_first=True), "FF FE FF FF FF FF FF FF", -2_000),
        (Value(0, "r", "kWh", "f64"), "40 C8 1C D6 C8 B4 39 58", 12_345_678_000),
        (Value(0, "r", "mA", "u16", -1), "00 05", 0),  # 0.5: a half goes to the even one
        (Value(0, "r", "mA", "u16", -1), "00 0F", 2),  # 1.5
        (Value(0, "r", "pulse", "u32"), "00 00 04 D2", 1_234),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_number_is_milli_units_exactly_and_rounded_to_the_nearest(value, raw, milli):
    assert _read(value, bytes.fromhex(raw)).value == milli


@settings(max_examples=400, deadline=None, derandomize=True)
@given(bits=st.integers(0, 2**32 - 1), tens=st.integers(-3, 9))
def test_every_float_is_rounded_as_a_fraction_is(bits, tens):
    raw = bits.to_bytes(4, "big")
    (number,) = struct.unpack(">f", raw)
    told = _read(Value(0, "r", "W", scale=tens), raw)
    if number - number:
        assert (told.kind, told.offset, told.length) == ("object", 7, 9)
        return
    milli = round(Fraction(number) * Fraction(10) ** (3 + tens))
    assert told == (
        Reading("r", milli, "mW")
        if abs(milli) <= VALUE_MAX
        else Fault("object", 7, 9, f"r: {raw.hex()} is beyond all")
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([kind for kind in TYPES if kind[0] != "f"]),
    low=st.booleans(),
    scale=st.integers(-6, 3),
    data=st.data(),
)
def test_every_integer_is_scaled_as_a_fraction_is(kind, low, scale, data):
    size, letter = TYPES[kind]
    raw = data.draw(st.binary(min_size=2 * size, max_size=2 * size))
    (number,) = struct.unpack(">" + letter, raw)
    words = [raw[at : at + 2] for at in range(0, 2 * size, 2)]
    wire = b"".join(reversed(words)) if low else raw
    told = _read(Value(0, "r", "Wh", kind, scale, low_first=low), wire)
    milli = round(number * Fraction(10) ** (3 + scale))
    if abs(milli) <= VALUE_MAX:
        assert told == Reading("r", milli, "mWh")
    else:
        assert told.kind == "object"


@given(
    numerator=st.integers(-(10**12), 10**12),
    denominator=st.integers(1, 10**6),
    tens=st.integers(-9, 9),
)
def test_scaling_rounds_as_fractions_do(numerator, denominator, tens):
    exact = Fraction(numerator, denominator) * Fraction(10) ** tens
    assert scaled(numerator, denominator, tens) == round(exact)


@pytest.mark.parametrize("raw", ["7F C0 00 00", "FF FF FF FF", "7F 80 00 00", "FF 80 00 00"])
def test_what_is_no_number_is_a_fault_and_the_rest_of_the_answer_lives(raw):
    book = MapBook(Map((Value(0, "a", "V"), Value(2, "b", "V")), ()))
    told = book.take(Question(1, INPUT, 0, 4), bytes.fromhex("43660000" + raw), PLACE)
    assert told.readings == (Reading("a", 230_000, "mV"),)
    assert told.faults == (Fault("object", 7, 9, f"b: {raw.replace(' ', '').lower()}"),)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (Value(0, "r", "W", "i16", no_value=(0x8000,)), "80 00"),
        (Value(0, "r", "W", "u16", no_value=(0xFFFF,)), "FF FF"),
        (Value(0, "r", "W", "i32", no_value=(0x7FFFFFFF,)), "7F FF FF FF"),
        (Value(0, "r", "W", "i32", no_value=(0x7FFFFFFF,), low_first=True), "FF FF 7F FF"),
        (Value(0, "r", "W", "f32", no_value=(0xFFFFFFFF,)), "FF FF FF FF"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.type,
)
def test_a_number_that_means_no_value_is_a_placeholder(value, raw):
    fault = _read(value, bytes.fromhex(raw))
    assert fault.kind == "placeholder"
    # One less is a value.
    one_less = int(raw.replace(" ", ""), 16) - 1
    if value.type != "f32":
        assert isinstance(_read(value, one_less.to_bytes(2 * value.size, "big")), Reading)


def test_a_power_factor_is_text_of_three_places():
    assert _read(Value(0, "r", "1"), bytes.fromhex("BF 77 CE D9")) == Reading("r", "-0.968")


@pytest.mark.parametrize(
    ("raw", "text"), [("41 42 43 00", "ABC"), ("20 41 42 20", "AB"), ("41 42 FF FF", "AB")]
)
def test_text_loses_what_fills_it_up(raw, text):
    value = Value(0, "r", type="text", length=2)
    assert _read(value, bytes.fromhex(raw)) == Reading("r", text)


def test_blocks_join_what_lies_together_and_keep_to_the_limit():
    values = [Value(at, f"r{at}", "V") for at in (0, 2, 4, 10, 20)]
    assert blocks(values, 80) == (Block(4, 0, 6), Block(4, 10, 2), Block(4, 20, 2))
    assert blocks(values, 80, 4) == (Block(4, 0, 12), Block(4, 20, 2))
    assert blocks(values, 80, 8) == (Block(4, 0, 22),)
    assert blocks(values, 4) == (Block(4, 0, 4), Block(4, 4, 2), Block(4, 10, 2), Block(4, 20, 2))
    other = Value(6, "h", "V", function=HOLDING)
    assert blocks([*values[:3], other], 80) == (Block(3, 6, 2), Block(4, 0, 6))


def test_the_map_of_the_page_is_the_drivers_example():
    _, described = fenced(PAGE, "toml")
    assert described == modbus.EXAMPLE_MAP
    read_map = mapfile.read(described)
    assert list(read_map.blocks) == [
        Block(HOLDING, 0x0000, 6),
        Block(HOLDING, 0x0028, 2),
        Block(HOLDING, 0x0033, 3),
    ]


def test_the_page_names_every_key_unit_and_type_of_a_map():
    page = PAGE.read_text("utf-8")
    for name in (*mapfile._TOP, *mapfile._REGISTER, *TYPES):
        assert f"`{name}`" in page or f"[[{name}]]" in page or f"[{name}]" in page, name
    for unit in mapfile.UNITS:
        assert f"{unit}," in page or f"{unit};" in page or f"{unit} for" in page, unit


def test_a_meter_with_a_map_is_asked_for_its_blocks():
    session = modbus.DEVICE.open({"map": modbus.EXAMPLE_MAP, "address": "9"})
    (send, _) = session.timeout()
    assert send == Send(bytes.fromhex("09 03 50 00 00 07 14 40"))


MAP = """\
[[register]]
register = "1-0:1.8.0"
address = 72
unit = "kWh"

[[sample]]
question = "01 04 00 48 00 02 F1 DD"
answer = "01 04 04 44 52 87 7D ED 74"
says = { "1-0:1.8.0" = "842.117004 kWh" }
"""


def test_a_map_of_one_register_is_read():
    assert mapfile.read(MAP).blocks == (Block(INPUT, 72, 2),)


SAMPLE = MAP[MAP.index("[[sample]]") :]


@pytest.mark.parametrize(
    ("found", "instead", "what", "allowed"),
    [
        ("address = 72", "adress = 72", "line 1, register 1: unknown key 'adress'", "'address'"),
        ("address = 72", "", "line 1, register 1, 1-0:1.8.0: address is missing", "0 to 65534"),
        ("address = 72", "address = 65535", "address = 65535", "0 to 65534"),
        ("address = 72", "address = true", "address = True", "0 to 65534"),
        ("address = 72", "address = 72.0", "address = 72.0", "0 to 65534"),
        ('"kWh"', '"kwh"', "unit = 'kwh'", "kWh"),
        ('unit = "kWh"', "", "unit = ''", "kWh"),
        ('unit = "kWh"', 'unit = "kWh"\nscale = 12', "scale = 12", "-9 to 9"),
        ('unit = "kWh"', 'unit = "kWh"\ntype = "float"', "type = 'float'", "f32"),
        ('unit = "kWh"', 'unit = "kWh"\nlength = 3', "length", "for a text only"),
        ('unit = "kWh"', 'unit = "kWh"\nfunction = 5', "function = 5", "3 to 4"),
        ('unit = "kWh"', 'unit = "kWh"\nwords = "little"', "words = 'little'", "high, low"),
        ('unit = "kWh"', 'unit = "kWh"\nno_value = [-1]', "no_value = [-1]", "0 to 0xffffffff"),
        ('unit = "kWh"', 'unit = "kWh"\nno_value = 1', "no_value = 1", "a list"),
        ('register = "1-0:1.8.0"', 'register = "1.8.0"', "register = '1.8.0'", "OBIS code"),
        ('register = "1-0:1.8.0"', "", "register is missing", "OBIS code"),
        ("[[register]]", "speed = 9600\n[[register]]", "the map: unknown key 'speed'", "serial"),
        ("[[register]]", "[serial]\n[[register]]", "address is missing", "65534"),
        ("[[register]]", "registers_max = 0\n[[register]]", "registers_max = 0", "1 to 125"),
        ("[[register]]", "hole_max = -1\n[[register]]", "hole_max = -1", "0 to 125"),
        ("[[register]]\n", "[[register]]\n[[register]]\n", "register is missing", "OBIS"),
        (SAMPLE, "", "no [[sample]] at all", "at least one"),
        (MAP, SAMPLE, "no [[register]] at all", "at least one"),
        (MAP, "registers = 1", "unknown key 'registers'", "'register'"),
        (MAP, "[[register", "no TOML: ", "docs/modbus-map.md"),
        (MAP, "register = 1", "no [[register]] at all", "at least one"),
        (MAP, "register = [1]", "register 1: 1 is no table", "keys and values"),
        ("says =", "say =", "line 6, sample 1: unknown key 'say'", "'says'"),
        ("842.117004", "842.117", "is 842117004 mWh, not 842.117 kWh", "as they say"),
        ("842.117004 kWh", "842.117004 Wh", "is 842117004 mWh, not 842.117004 Wh", "as they say"),
        ('"842.117004 kWh"', "842.117004", "= 842.117004", 'a text such as "230.1 V"'),
        ('1-0:1.8.0" = "842', '1-0:2.8.0" = "842', "1-0:2.8.0 is not in the answer", "1.8.0"),
        ('{ "1-0:1.8.0" = "842.117004 kWh" }', "{}", "says nothing of 1-0:1.8.0", "whole answer"),
        ("ED 74", "ED 75", "checksum: an answer whose check is wrong", "without a fault"),
        ("ED 74", "ED", "no register of the map is read in it", "its whole answer"),
        ("ED 74", "ED 7", "answer = '01 04", "in hex digits"),
        ("F1 DD", "F1 DC", "no register of the map is read in it", "function 3 or 4"),
        ("44 52 87 7D ED 74", "7F C0 00 00 E2 6C", "object: 1-0:1.8.0: 7fc00000", "a fault"),
        ('"01 04 00 48', '"01 04 00 48 zz', "question = ", "in hex digits"),
    ],
    ids=lambda value: value[:24].replace("\n", " "),
)
def test_a_mistake_in_a_map_is_named_with_its_place_and_what_is_allowed(
    found, instead, what, allowed
):
    assert found in MAP
    with pytest.raises(SettingError) as refused:
        modbus.DEVICE.open({"map": MAP.replace(found, instead, 1)})
    assert refused.value.name == "map"
    assert what in refused.value.what
    assert allowed in refused.value.allowed


def test_a_register_that_no_sample_shows_is_refused():
    more = MAP.replace(
        "[[sample]]", '[[register]]\nregister = "x"\naddress = 9\nunit = "V"\n\n[[sample]]'
    )
    with pytest.raises(SettingError, match="no sample shows x"):
        mapfile.read(more)


def test_a_register_that_stands_twice_is_refused():
    with pytest.raises(SettingError, match=r"1-0:1\.8\.0 stands twice"):
        mapfile.read(MAP[: MAP.index("[[sample]]")] + MAP)


def test_a_map_that_never_ends_is_refused():
    with pytest.raises(SettingError, match="at most 65536"):
        mapfile.read("#" * 70_000)


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_a_map_the_driver_says_what_it_lacks(text):
    with pytest.raises(SettingError) as refused:
        modbus.DEVICE.open({"map": text})
    assert (refused.value.name, refused.value.what) == ("map", "no map of the meter's registers")
    assert "docs/modbus-map.md" in refused.value.allowed


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(alphabet='[]{}="\n.-_0x1amregistsplun', max_size=80))
def test_whatever_stands_in_a_map_it_is_refused_and_never_raises(text):
    with pytest.raises(SettingError):
        mapfile.read(text)
