"""HDLC frames: addresses of any width, two checks, and flags that mean nothing inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire import crc, hdlc, push_frames
from firmware_sim import cosem

ADDRESSES = [
    (b"\x41", b"\x03"),
    (b"\x41", b"\x08\x83"),
    (b"\xce\xff", b"\x03"),
    (b"\x01", b"\x02\x01"),
    (b"\xcf", b"\x00\x02\x00\x23"),
    (b"\x00\x02\x00\x23", b"\xce\xff"),
]


def _frame(information: bytes, to: bytes = b"\x41", of: bytes = b"\x08\x83") -> bytes:
    """From the format to the closing flag."""
    return cosem.hdlc(information, to=to, of=of)[1:]


def _found(frame: bytes) -> push_frames.Found:
    """What is found right behind an opening flag."""
    return push_frames.find(b"\x7e" + frame, 0, follows_flag=False, final=False)


def _length(frame: bytes) -> int:
    """Bytes from the format to the closing flag; 0 when more must come, -1 for no frame."""
    found = _found(frame)
    return -1 if found.at else max(found.length - 1, 0)


@pytest.mark.parametrize(("to", "of"), ADDRESSES, ids=lambda one: one.hex())
def test_addresses_may_differ_in_width(to: bytes, of: bytes) -> None:
    frame = _frame(b"\xe6\xe7\x00\x0f", to, of)

    assert _length(frame) == len(frame)
    assert _found(frame).frame == hdlc.Frame(to + of, 0x13, False, b"\xe6\xe7\x00\x0f")


def test_the_segmentation_bit_is_no_part_of_the_length() -> None:
    frame = cosem.hdlc(b"\x00" * 150, to=b"\xcf", of=b"\x02\x23", control=3, goes_on=True)[1:]

    assert frame[:1] == b"\xa8"
    assert _length(frame) == len(frame)
    parsed = _found(frame).frame
    assert isinstance(parsed, hdlc.Frame)
    assert parsed.is_segmented


def test_a_length_of_eleven_bits_is_read_in_full() -> None:
    frame = _frame(b"\x2a" * 2_030)

    assert _length(frame) == len(frame) == 2_041


def test_flags_within_a_frame_do_not_end_it() -> None:
    frame = _frame(b"\x7e\xa0\x7e\x7e\x7e")

    assert _length(frame) == len(frame)
    parsed = _found(frame).frame
    assert isinstance(parsed, hdlc.Frame)
    assert parsed.information == b"\x7e\xa0\x7e\x7e\x7e"


def test_a_frame_without_information_has_none() -> None:
    head = bytes.fromhex("a007410313")
    frame = head + crc.x25(head).to_bytes(2, "little") + b"\x7e"

    assert _length(frame) == len(frame)
    assert _found(frame).frame == hdlc.Frame(b"\x41\x03", 0x13, False, b"")


def test_an_address_has_one_two_or_four_bytes() -> None:
    three = _frame(b"\xe6\xe7\x00\x0f", b"\x00\x02\x23", b"\x41")

    assert _length(three) == -1
    assert _length(three[:8]) == 0


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda frame: b"\x90" + frame[1:], id="another format type"),
        pytest.param(lambda frame: frame[:1] + b"\x0d" + frame[2:], id="another length"),
        pytest.param(lambda frame: frame[:5] + b"\x00" + frame[6:], id="another control byte"),
        pytest.param(lambda frame: frame[:6] + b"\x00" + frame[7:], id="another header check"),
        pytest.param(lambda frame: frame[:-1] + b"\x7f", id="no flag at its end"),
        pytest.param(lambda frame: frame[:2] + b"\x00\x00\x03" + frame[5:], id="address of three"),
    ],
)
def test_what_is_no_frame_is_known_by_its_head_and_its_end(broken) -> None:
    assert _length(broken(_frame(b"\xe6\xe7\x00\x0f"))) == -1


def test_a_wrong_check_of_the_whole_gives_no_frame() -> None:
    frame = _frame(b"\xe6\xe7\x00\x0f")
    wrong = frame[:9] + bytes((frame[9] ^ 0x10,)) + frame[10:]

    assert _length(wrong) == len(wrong)
    assert _found(wrong).frame is None


@given(st.binary(max_size=300), st.sampled_from(ADDRESSES), st.data())
def test_a_frame_that_is_not_all_there_is_waited_for(information, addresses, data) -> None:
    frame = _frame(information, *addresses)
    there = data.draw(st.integers(0, len(frame) - 1))

    assert _length(frame[:there]) == 0
    assert _length(frame + b"\x55") == len(frame)
