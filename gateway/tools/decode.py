"""`meterkast decode DRIVER FILE`: a capture to readings and faults, streaming."""

import datetime as dt
import difflib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import Parameter

from drivers import sdk
from drivers.reading import Fault, Message, Reading
from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.tools import captures
from gateway.tools.captures import Piece

CHUNK_BYTES = 16 * 1024
# A session pauses and gives up between its questions, in so many turns at most.
TIMEOUTS_MAX = 10

_BLANKS = b" \t\r\n\v\f:-"  # and what dumps put between bytes or at a line's end
_HEX_DIGITS = b"0123456789abcdefABCDEF"

Capture = Annotated[str, Parameter(allow_leading_hyphen=True)]  # lets - be a file
AsHex = Annotated[bool, Parameter(name="--hex", negative="")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Settings = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]


def decode(
    driver: str,
    file: Capture,
    *,
    as_hex: AsHex = False,
    key: str | None = None,
    settings: Settings = (),
    as_json: AsJson = False,
) -> int:
    """Print what a capture says: readings, faults, and how many of each. Ends with 1 on faults.

    Parameters
    ----------
    driver
        who speaks, such as p1
    file
        the capture, or - for standard input
    as_hex
        the capture is hex digits with blanks between them as it likes
    key
        the key of an encrypted meter in hex, short for --set key=HEX
    settings
        what the device's block would say, NAME=VALUE; may be given several times
    as_json
        one JSON object a line, at the end one with the counts; a table otherwise
    """
    device = named_driver(driver)
    session = open_session(device, [*settings, *([f"key={key}"] if key is not None else [])])
    tell = _tell_json if as_json else _tell_table
    try:
        read = _from_hex if as_hex else captures.pieces
        if file == "-":
            messages, faults = _decode(session, read(sys.stdin.buffer, file), tell)
        else:
            with Path(file).open("rb") as stream:
                messages, faults = _decode(session, read(stream, file), tell)
    except BrokenPipeError:
        raise  # it is the output that broke
    except OSError as error:
        what = f"the capture cannot be read: {error.strerror}"
        raise Unreachable(Problem(what, file, "give the path of a capture, or -")) from error
    if as_json:
        print(json.dumps({"messages": messages, "faults": faults}))
    else:
        print(f"{messages} messages, {faults} faults")
    return 1 if faults else 0


def named_driver(driver: str) -> sdk.Device:
    names = list(sdk.names())
    if driver not in names:
        near = difflib.get_close_matches(driver, names, n=3, cutoff=0.4) or names
        what = f"no driver is called {driver!r}"
        raise UsageError(Problem(what, f"meterkast decode {driver} …", ", ".join(near)))
    return sdk.load(driver)


def open_session(device: sdk.Device, given: Iterable[str]) -> sdk.Session:
    """A session with the settings `NAME=VALUE`; a file's name stands for its text."""
    try:
        return device.open(read_settings(device, given))
    except sdk.SettingError as error:
        raise UsageError(Problem(error.what, f"--set {error.name}=…", error.allowed)) from error


def read_settings(device: sdk.Device, given: Iterable[str]) -> dict[str, str]:
    """The settings `NAME=VALUE`, files as their text. Raises UsageError."""
    declared = {setting.name: setting for setting in device.settings}
    own: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or name not in declared:
            what = f"{device.name} has no setting {name!r}" if equals else "no NAME=VALUE"
            known = ", ".join(declared) or "none"
            raise UsageError(Problem(what, f"--set {name}=…", f"settings here: {known}"))
        own[name] = value
        if declared[name].is_file:
            try:
                own[name] = Path(value).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                what = f"{value} cannot be read as text: {error}"
                raise UsageError(Problem(what, f"--set {pair}", "the path of a file")) from error
    return own


def _from_hex(stream: BinaryIO, where: str) -> Iterator[Piece]:
    """The bytes of a file written in hex digits. Raises UsageError."""
    odd = b""
    place = 0
    while chunk := stream.read(CHUNK_BYTES):
        wrong = chunk.translate(None, _BLANKS + _HEX_DIGITS)[:1]
        if wrong:
            at = f"{where}, byte {place + chunk.index(wrong)}"
            raise UsageError(Problem(f"no hex digit: {wrong!r}", at, "leave out --hex"))
        digits = odd + chunk.translate(None, _BLANKS)
        odd = digits[len(digits) & ~1 :]
        yield Piece(0, bytes.fromhex(digits[: len(digits) & ~1].decode("ascii")))
        place += len(chunk)
    if odd:
        what = "an odd number of hex digits"
        raise UsageError(Problem(what, where, "look whether the capture was cut off"))


def _decode(
    session: sdk.Session, pieces: Iterable[Piece], tell: Callable[[Reading | Fault], None]
) -> tuple[int, int]:
    """How many messages gave readings, and how many faults there were."""
    messages = faults = 0
    for step in _steps(session, pieces):
        if isinstance(step, Message):
            messages += bool(step.readings)
            faults += len(step.faults)
            for reading in step.readings:
                tell(reading)
            for fault in step.faults:
                tell(fault)
    return messages, faults


def _steps(session: sdk.Session, pieces: Iterable[Piece]) -> Iterator[sdk.Step]:
    """What the session does with a capture. Time is told to it where the capture asks, so that it
    asks as well and knows what is answered; one that was only heard passes without time.
    """
    ahead = 0  # questions of the session that the capture has not come to
    for piece in pieces:
        for _ in range(TIMEOUTS_MAX if piece.tx and not ahead else 0):
            steps = session.timeout()
            yield from steps
            if any(isinstance(step, sdk.Send) for step in steps):
                ahead += 1
                break
        ahead = max(0, ahead - bool(piece.tx))
        steps = session.feed(piece.rx) if piece.rx else []
        ahead += sum(isinstance(step, sdk.Send) for step in steps)
        yield from steps
    yield from session.timeout()  # the silence after a capture ends its last telegram


def _tell_json(part: Reading | Fault) -> None:
    print(json.dumps(fields(part), ensure_ascii=False))


def fields(part: Reading | Fault) -> dict[str, str | int | None]:
    """A reading or a fault as one JSON object."""
    if isinstance(part, Fault):
        kind, offset, length, detail = part
        return {"fault": kind, "offset": offset, "length": length, "detail": detail}
    told: dict[str, str | int | None] = {
        "register": part.register,
        "value": part.value,
        "unit": part.unit,
        "at": None if part.at_ms is None else _iso(part.at_ms),
        "serial": part.serial,
    }
    if part.until_ms is not None:
        told["until"] = _iso(part.until_ms)
    if part.doubt:
        told["doubt"] = part.doubt
    return told


def _tell_table(part: Reading | Fault) -> None:
    if isinstance(part, Fault):
        print(f"fault {part.kind}: {part.length} bytes at {part.offset}: {part.detail}")
        return
    at = "" if part.at_ms is None else _iso(part.at_ms)
    until = "" if part.until_ms is None else f"until {_iso(part.until_ms)}"
    row = f"{part.register:<15} {part.value:>20} {part.unit:<6} {at:<24} {part.serial}"
    print(" ".join(word for word in (row, until, part.doubt) if word).rstrip())


def _iso(time_ms: int) -> str:
    """ISO 8601 in UTC; milliseconds only where there are any.

    >>> _iso(1483381202000)
    '2017-01-02T19:20:02Z'
    """
    whole = dt.datetime.fromtimestamp(time_ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{time_ms % 1000:03}Z" if time_ms % 1000 else f"{whole}Z"
