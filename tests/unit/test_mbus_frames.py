"""Frames of the M-Bus. Expected bytes are those printed in the M-Bus documentation, or summed
by hand."""

import pytest

from drivers.wire import mbus


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        # 40 + 01 = 41
        (mbus.reset(1), "1040014116"),
        # 5B + 20 = 7B; 7B + FE = 179
        (mbus.request(254, count_bit=True), "107bfe7916"),
        (mbus.request(254, count_bit=False), "105bfe5916"),
        # 53 + FD + 52 + 01 + 10 + 49 + 14 + 4 * FF = 60C
        (
            mbus.select(bytes.fromhex("01104914ffffffff")),
            "680b0b6853fd5201104914ffffffff0c16",
        ),
    ],
    ids=["reset", "first request", "second request", "selection"],
)
def test_a_request_is_built_as_the_standard_prints_it(built, expected):
    assert built.hex() == expected


def test_a_secondary_address_is_written_as_it_is_printed():
    assert mbus.secondary_address("14491001FFFF01F2").hex() == "01104914ffff01f2"


@pytest.mark.parametrize("text", ["", "1449100", "1449100A11111111", "14491001ffffffff", "G" * 16])
def test_what_is_no_secondary_address_is_none(text):
    assert mbus.secondary_address(text) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", 0),
        ("e5", 1),
        ("10", 0),
        ("10400141", 0),
        ("1040014116", 5),
        ("1040014117", -1),
        ("68", 0),
        ("6802", -1),
        ("6803", 0),
        ("680304", -1),
        ("680303", 0),
        ("68030369", -1),
        ("68030368", 0),
        ("68030368080172", 0),
        ("680303680801727b16", 9),
        ("680303680801727b17", -1),
        ("00", -1),
    ],
)
def test_the_length_of_a_frame_is_known_when_it_is_whole(data, expected):
    assert mbus.length(bytes.fromhex(data)) == expected


def test_a_frame_is_taken_apart():
    assert mbus.parse(bytes.fromhex("e5")) == mbus.Frame(-1, -1, -1, b"")
    assert mbus.parse(bytes.fromhex("1040014116")) == (0x40, 1, -1, b"")
    assert mbus.parse(bytes.fromhex("680505680801725a5a2f16")) == (8, 1, 0x72, b"ZZ")


@pytest.mark.parametrize(
    "data",
    ["", "1040014216", "1040014116e5", "680303680801727c16", "680303680801727b17", "68030368"],
    ids=["nothing", "short sum", "too much", "long sum", "end", "cut"],
)
def test_what_is_no_frame_is_none(data):
    assert mbus.parse(bytes.fromhex(data)) is None


def test_a_frame_found_within_a_stream_counts_from_where_it_begins():
    assert mbus.length(bytes.fromhex("0000680303680801727b16ff"), 2) == 9


# What the header after CI 72 and 7A takes: EN 13757-3, 6.2 and 6.3.
@pytest.mark.parametrize(("ci", "size"), [(0x72, 12), (0x7A, 4), (0x78, 0), (0x70, 0)])
@pytest.mark.parametrize("control", [0x08, 0x18, 0x28, 0x38])
def test_an_answer_is_found_from_the_size_of_its_header_on(control, ci, size):
    assert mbus.find(mbus.long(control, 1, ci, bytes(size))) == (0, 9 + size)
    for less in range(size):
        frame = mbus.long(control, 1, ci, bytes(less))
        assert mbus.find(frame) == (len(frame), 0)


@pytest.mark.parametrize("ci", [0x72, 0x7A])
def test_a_question_is_found_however_short_it_is(ci):
    assert mbus.find(mbus.long(0x53, 1, ci)) == (0, 9)


def test_only_data_of_a_meter_is_an_answer():
    assert mbus.Frame(0x08, 1, 0x72).answers
    assert mbus.Frame(0x38, 1, 0x72).answers
    assert not mbus.Frame(0x53, 253, 0x52).answers
    assert not mbus.Frame().answers
    assert not mbus.Frame(0x08, 1).answers
