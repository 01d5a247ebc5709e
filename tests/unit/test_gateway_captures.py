"""Captures: written as it goes, read as it was, and what of one that was cut off."""

import contextlib
import io
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sdk import Line
from gateway.contract.errors import UsageError
from gateway.tools.captures import Entry, Piece, TappedPort, captured, pieces

HEAD = b'{"capture":1,"device":"hall","driver":"d0","began":"2026-06-21T10:00:00Z"}\n'
BODY = (
    b'{"ms":0,"line":"300 7E1"}\n'
    b'{"ms":2,"tx":"2f3f210d0a"}\n'
    b'{"ms":412,"rx":"2f4d4b54350d0a"}\n'
    b'{"ms":900,"lost":"unplugged"}\n'
)
HELD = [Piece(2, b"", b"/?!\r\n"), Piece(412, b"/MKT5\r\n", b"")]


def _read(data: bytes) -> list[Piece]:
    return list(pieces(io.BytesIO(data), "hall.capture"))


def test_what_was_said_and_asked_is_read_with_its_time():
    assert _read(HEAD + BODY) == HELD


@pytest.mark.parametrize(
    ("data", "expected"),
    [(HEAD + BODY, "hall"), (b'{"capture":1}\n', ""), (b'{"capture":', ""), (b"/MKT5\r\n", "")],
)
def test_a_capture_says_which_device_it_is_of(data: bytes, expected: str):
    assert captured(io.BytesIO(data)) == expected


def test_the_last_line_of_a_capture_that_was_cut_off_is_left_away():
    assert _read(HEAD + BODY + b'{"ms":950,"rx":"2f4d4b') == HELD


@pytest.mark.parametrize(
    "line",
    [b"{", b'{"ms":1,"rx":"2g"}', b'{"ms":1,"rx":"2"}', b'{"rx":"2f"}', b'{"ms":1,"rx":3}', b""],
    ids=["no JSON", "no hex digit", "half a byte", "no time", "no text", "empty"],
)
def test_a_line_that_is_none_of_a_captures_is_named(line: bytes):
    with pytest.raises(UsageError, match="no line of a capture: ") as refused:
        _read(HEAD + BODY + line + b"\n")
    assert refused.value.problems[0].where == "hall.capture, line 6"


@given(st.binary(max_size=100) | st.binary(max_size=50).map(lambda data: data * 1000))
def test_a_file_that_is_no_capture_is_its_bytes(data: bytes):
    assert b"".join(piece.rx for piece in _read(data)) == data


@given(st.lists(st.binary() | st.sampled_from(BODY.splitlines()), max_size=5))
def test_whatever_stands_in_a_capture_is_read_or_refused(lines: list[bytes]):
    with contextlib.suppress(UsageError):
        assert all(piece.rx or piece.tx for piece in _read(HEAD + b"\n".join(lines)))


class Wire:
    """A port that gives what it is told to, and takes everything."""

    def __init__(self) -> None:
        self.gives = b""
        self.took: list[bytes | Line] = []
        self.fileno: Callable[[], int] = lambda: 7
        self.close: Callable[[], None] = lambda: self.took.append(b"closed")

    def read(self) -> bytes:
        return self.gives

    def write(self, data: bytes) -> None:
        self.took.append(data)

    def set_line(self, line: Line) -> None:
        self.took.append(line)


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1))))
def test_every_byte_of_both_directions_is_kept(spoken: list[tuple[bool, bytes]]):
    file = io.BytesIO()
    wire = Wire()
    port = TappedPort(
        wire, lambda what, text: file.write(msgspec.json.encode(Entry(1, **{what: text})) + b"\n")
    )
    for is_heard, data in spoken:
        wire.gives = data
        assert port.read() == data if is_heard else port.write(data) is None
    assert _read(HEAD + file.getvalue()) == [
        Piece(1, data) if is_heard else Piece(1, tx=data) for is_heard, data in spoken
    ]
    assert wire.took == [data for is_heard, data in spoken if not is_heard]


def test_a_tapped_port_is_the_port_itself_in_everything_else():
    noted: list[tuple[str, str]] = []
    wire = Wire()
    port = TappedPort(wire, lambda what, text: noted.append((what, text)))
    assert port.fileno() == 7
    assert port.read() == b""
    port.set_line(Line(9600, "7E1"))
    port.close()
    assert wire.took == [Line(9600, "7E1"), b"closed"]
    assert noted == [("line", "9600 7E1")]
