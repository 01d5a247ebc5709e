"""`meterkast drivers [NAME]`: what can be read, and all that is known of it.

Everything is what the driver files declare: a new file is listed by being there.
"""

import difflib
import json
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from drivers import sdk
from gateway.contract.errors import Problem, UsageError
from gateway.tools.decode import fields

# Narrower than a terminal is meant to be, words would stand alone; wider, lines are hard to read.
WIDTH_MIN, WIDTH_MAX = 60, 100
CELL_WIDTH = 26  # of a table; what is longer moves its neighbours aside
HEX_BYTES = 24  # of an example in one line, in groups of 8
_HEAD = ("name", "line", "speaks", "checksum", "device")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def drivers(name: str | None = None, /, *, as_json: AsJson = False) -> None:
    """List the devices that can be read, or tell all that is known of one of them.

    Parameters
    ----------
    name
        One of them, such as p1; all are listed where this is left out.
    as_json
        JSON, one object a line, instead of a table.
    """
    if name is None:
        devices = [sdk.load(one) for one in sdk.names()]
        lines = map(json.dumps, map(_brief, devices)) if as_json else _table(devices)
    else:
        device = _named(name)
        lines = iter([json.dumps(_all(device), ensure_ascii=False)]) if as_json else _page(device)
    for line in lines:
        print(line)


def _named(name: str) -> sdk.Device:
    """The driver of this name. Raises UsageError with the nearest names."""
    names = list(sdk.names())
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        what = f"no driver is called {name!r}"
        tries = ", ".join(f"meterkast drivers {one}" for one in near) or "meterkast drivers"
        raise UsageError(Problem(what, f"meterkast drivers {name}", tries))
    return sdk.load(name)


def line_text(line: sdk.Line) -> str:
    """Speed and frame as gateway.toml has them, such as 9600 7E1."""
    return f"{line.baud} {line.frame}"


def speaks(device: sdk.Device) -> str:
    """When a device says something: asked, by itself, or as a contact that closes."""
    if device.counts:
        return "contact"
    return "asked" if device.polled else "by itself"


def checksum(device: sdk.Device) -> str:
    """What guards a telegram of a device."""
    return f"{device.checksum_bits} bits" if device.checksum_bits else "none"


def short_line(device: sdk.Device) -> str:
    """What a device hangs on, in a word or two."""
    if device.counts:
        return "pin"
    return "own port" if device.ports else line_text(device.line)


def lines_of(device: sdk.Device) -> str:
    """The speeds at which a device is heard, in the order in which they are tried."""
    if device.counts:
        return "a pin of the header, such as gpio:17"
    if device.ports:
        return " or ".join(device.ports)
    return ", else ".join(map(line_text, (device.line, *device.other_lines)))


def shown(stream: bytes) -> list[str]:
    """Bytes of an example: its lines where they are plain text, else hex.

    >>> shown(b"S S 1.0 g\\r\\n")
    ['S S 1.0 g']
    >>> shown(b"\\x68\\x03\\x03")
    ['68 03 03']
    """
    text = stream.decode("latin-1").replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").isprintable():
        return text.removesuffix("\n").split("\n")
    rows = (stream[at : at + HEX_BYTES] for at in range(0, len(stream), HEX_BYTES))
    return ["  ".join(one[at : at + 8].hex(" ") for at in range(0, len(one), 8)) for one in rows]


def readings_table(example: sdk.Example) -> list[str]:
    """What an example is read as: a line for each reading, without the columns that stay empty."""
    told = [fields(reading) for reading in example.readings]
    columns = []
    for name in ("register", "value", "unit", "at", "until", "serial", "doubt"):
        cells = ["" if (cell := one.get(name)) is None else cell for one in told]
        width = min(max((len(str(cell)) for cell in cells), default=0), CELL_WIDTH)
        if width:
            columns.append(
                [f"{cell:{'<' if isinstance(cell, str) else '>'}{width}}" for cell in cells]
            )
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def _width() -> int:
    return min(max(shutil.get_terminal_size((WIDTH_MAX, 24)).columns, WIDTH_MIN), WIDTH_MAX)


def _hung(start: str, text: str) -> list[str]:
    """`text` after `start`, its further lines below its first one."""
    blank = " " * len(start)
    return textwrap.wrap(
        text, _width(), initial_indent=start, subsequent_indent=blank, break_on_hyphens=False
    ) or [start.rstrip()]


def _rows(cells: list[tuple[str, ...]], indent: str = "") -> Iterator[str]:
    """A table whose last column is text that may need several lines."""
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]) - 1)]
    for *first, last in cells:
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(first, widths, strict=True))
        yield from _hung(indent + start, last)


def _table(devices: Iterable[sdk.Device]) -> Iterator[str]:
    rows = [
        (
            device.name,
            short_line(device),
            speaks(device),
            checksum(device),
            device.title,
        )
        for device in devices
    ]
    yield from _rows([_HEAD, *rows])


def _page(device: sdk.Device) -> Iterator[str]:
    yield from _hung(f"{device.name}: ", device.title)
    yield ""
    yield from _rows(
        [
            ("line", lines_of(device)),
            ("speaks", speaks(device)),
            ("checksum", checksum(device)),
            ("wiring", device.wiring),
        ]
    )
    if device.settings:
        yield from ("", "settings, beside driver, port and line")
        yield from _rows([_setting(one) for one in device.settings], "  ")
    yield from ("", "registers")
    yield from _rows(
        [(one.code, one.unit or "text", one.meaning) for one in device.registers], "  "
    )
    yield from ("", "quirks")
    for quirk in device.quirks:
        yield from _hung("  - ", quirk)
    for example in device.examples:
        yield ""
        yield from _hung("example: ", example.name)
        for name, value in example.settings.items():
            yield from _hung("  ", f"with {name} = {_first_line(value)}")
        yield from (f"  | {line}" for line in shown(example.stream))
        yield from (f"  {line}" for line in readings_table(example))
    yield ""
    yield from _rows(
        [
            ("try", f"meterkast sim {device.name}", "such a device that does not exist"),
            ("", f"meterkast decode {device.name} FILE", "what a capture says"),
        ]
    )


def _setting(setting: sdk.Setting) -> tuple[str, str, str]:
    meaning = setting.meaning + ("; names a file" if setting.is_file else "")
    return setting.name, f"= {setting.default}" if setting.default else "", meaning


def _first_line(value: str) -> str:
    """A setting's value; of a file's text the first line stands for all."""
    first, more, _ = value.partition("\n")
    return f"{first} …" if more else first


def _brief(device: sdk.Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "title": device.title,
        "line": line_text(device.line),
        "speaks": speaks(device),
        "checksum_bits": device.checksum_bits,
    }


def _all(device: sdk.Device) -> dict[str, Any]:
    return {
        **_brief(device),
        "other_lines": [line_text(line) for line in device.other_lines],
        "wiring": device.wiring,
        "settings": [
            {
                "name": setting.name,
                "default": setting.default,
                "meaning": setting.meaning,
                "is_file": setting.is_file,
            }
            for setting in device.settings
        ],
        "registers": [
            {"register": one.code, "unit": one.unit, "meaning": one.meaning}
            for one in device.registers
        ],
        "quirks": list(device.quirks),
        "examples": [
            {
                "name": example.name,
                "settings": dict(example.settings),
                "hex": example.stream.hex(),
                "readings": [fields(reading) for reading in example.readings],
            }
            for example in device.examples
        ],
    }
