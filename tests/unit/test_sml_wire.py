"""Elements, frames and checksums of SML, byte by byte."""

import pytest

from drivers.wire import crc, sml

NESTED = b"\x7f" * 100_000


@pytest.mark.parametrize(
    ("element", "number"),
    [
        ("62ff", 255),
        ("52ff", -1),
        ("638b28", 35_624),
        ("538b28", -29_912),
        ("6412d687", 1_234_567),
        ("54feee90", -70_000),
        ("55fffe1393", -126_061),
        ("5600090674ea", 151_418_090),
        ("560ffffffffe", 68_719_476_734),
        ("67010203040506", 1_108_152_157_446),
        ("5801020304050607", 283_686_952_306_183),
        ("69ffffffffffffffff", 18_446_744_073_709_551_615),
        ("598000000000000000", -9_223_372_036_854_775_808),
    ],
)
def test_a_number_of_one_to_eight_bytes_is_read(element: str, number: int) -> None:
    wire = bytes.fromhex(element)

    assert sml.integer(wire) == number
    assert sml.after(wire, 0) == len(wire)


@pytest.mark.parametrize("element", ["01", "00", "04454d48", "4201", "7162ff"])
def test_what_is_no_number_is_not_read_as_one(element: str) -> None:
    assert sml.integer(bytes.fromhex(element)) is None


@pytest.mark.parametrize(
    ("element", "data"),
    [
        ("04454d48", b"EMH"),
        ("0f" + 14 * "61", 14 * b"a"),
        ("8101" + 15 * "61", 15 * b"a"),
        ("8302" + 48 * "61", 48 * b"a"),
        ("818203" + 288 * "61", 288 * b"a"),
        ("01", None),
        ("6261", None),
        ("7101", None),
    ],
)
def test_a_string_of_octets_may_have_a_long_length(element: str, data: bytes | None) -> None:
    wire = bytes.fromhex(element)

    assert sml.octets(wire) == data
    assert sml.after(wire, 0) == len(wire)


@pytest.mark.parametrize(
    ("wire", "number", "first"),
    [("72", 2, 1), ("7f", 15, 1), ("f105", 21, 2), ("f08002", 2, 3), ("70", 0, 1), ("f1", 0, 0)],
)
def test_a_list_says_how_many_members_it_has(wire: str, number: int, first: int) -> None:
    assert sml.members(bytes.fromhex(wire), 0) == (number, first)


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "04454d",  # cut off
        "7262ff",  # a member is missing
        "8301",  # cut off behind a long field
        "8114" + 18 * "61",  # its second byte has a type
        "8001",  # shorter than its own field
        "f101" + 16 * "01",  # one member less than 17
        "808080808001",  # a field without end
        "5100",  # a number without a byte
        "6a00000000000000000000",  # of nine bytes
        "4300ff",  # a truth value of two
        "3261",  # types that there are not
        "e302" + 48 * "61",  # a number of 48 bytes
    ],
)
def test_what_is_no_whole_element_has_no_end(wire: str) -> None:
    assert sml.after(bytes.fromhex(wire), 0) == 0


def test_an_element_ends_after_all_its_members_however_deep() -> None:
    wire = bytes.fromhex("73 01 72 62 01 62 05 71 71 04 41 42 43 62 07")

    assert sml.after(wire, 0) == len(wire) - 2
    assert sml.places(wire, 1, 3) == [1, 2, 7, 13]
    assert sml.places(wire, 1, 5) == []
    assert sml.after(NESTED, 0) == 0
    assert sml.after(bytes.fromhex("f101" + 17 * "01" + "62ff"), 0) == 19


def _framed(inner: str, fill: int) -> bytes:
    """A frame whose checksum is 0."""
    return sml.START + bytes.fromhex(inner) + b"\x1b" * 4 + bytes((0x1A, fill, 0, 0))


def test_a_doubled_escape_is_content_once() -> None:
    assert sml.content(_framed("12 1b1b1b1b1b1b1b1b 1b 000000", 3)).hex() == "121b1b1b1b1b000000"
    assert sml.content(_framed("12 1b1b1b 00", 0)).hex() == "121b1b1b00"


def test_the_checksum_of_a_file_stands_with_its_lower_byte_first() -> None:
    # CRC-16/X-25 of 1b1b1b1b 01010101 12345678 1b1b1b1b 1a00 is 7BB8.
    good = bytes.fromhex("1b1b1b1b 01010101 12345678 1b1b1b1b 1a00 b87b")

    assert sml.wrong_checksum(good) == ""
    assert sml.wrong_checksum(good[:-2] + b"\x7b\xb8") == ("file says B87B, its bytes give 7BB8")


@pytest.mark.parametrize(("maker", "is_right"), [("484c59", True), ("495450", False)])
def test_only_holley_meters_may_compute_the_other_checksum(maker: str, is_right: bool) -> None:
    counted = _framed(f"04{maker}", 0)[:-2]
    frame = counted + crc.kermit_stdlib(counted).to_bytes(2, "big")

    assert (sml.wrong_checksum(frame) == "") is is_right
    assert sml.wrong_checksum(frame[:-2] + frame[-1:] + frame[-2:-1])


def test_the_checksum_of_a_message_is_a_number_with_its_bytes_swapped() -> None:
    assert crc.x25(b"123456789") == 0x906E
    assert sml.wrong_message(b"123456789", 0x6E90) == ""
    assert sml.wrong_message(b"123456789", None) == ""
    assert sml.wrong_message(b"123456789", 0x906E) == "message says 906E, its bytes give 6E90"
    assert sml.wrong_message(b"123456789", crc.kermit(b"123456789"))
    assert sml.wrong_message(b"HLY456789", crc.kermit(b"HLY456789")) == ""
