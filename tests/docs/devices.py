"""`python -m tests.docs.devices` (make docs): the pages of docs/devices, out of the driver files.

Nothing on these pages is written by hand; a page of a driver that is gone is taken away.
"""

from collections.abc import Iterator
from pathlib import Path

from drivers import sdk
from drivers.sdk import Device, Example
from firmware_sim import device as simulators
from gateway.tools.catalogue import checksum, lines_of, readings_table, short_line, shown, speaks

FOLDER = Path(__file__).parents[2] / "docs" / "devices"
INDEX = "README.md"
SERIAL_PORT = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0"
PIN = "gpio:17"
SPOKEN = {
    "asked": "only when it is asked, so several may share a port",
    "by itself": "by itself",
    "contact": "by closing a contact",
}


def file_name(setting: str) -> str:
    """The file that a configuration block of these pages names for a setting that is a file."""
    return f"{setting}.toml"


def needed(device: Device) -> dict[str, str]:
    """The settings without which no block of this device is complete, from its own examples."""
    try:
        device.open({})
    except sdk.SettingError:
        return dict(device.examples[0].settings)
    return {}


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    devices = [sdk.load(name) for name in sdk.names()]
    return {INDEX: _index(devices), **{f"{one.name}.md": _page(one) for one in devices}}


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def index_rows(devices: list[Device]) -> list[tuple[str, ...]]:
    """Name, device, line, way of speaking and checksum of each."""
    return [
        (
            f"[{one.name}]({one.name}.md)",
            one.title,
            short_line(one),
            speaks(one),
            checksum(one),
        )
        for one in devices
    ]


def _index(devices: list[Device]) -> str:
    def lines() -> Iterator[str]:
        yield "# Devices"
        yield ""
        yield "What meterkast reads today. The name is the `driver` of a block in `gateway.toml`."
        yield "`meterkast drivers` shows the same table, `meterkast drivers NAME` the same page."
        yield ""
        yield from _table(("driver", "device", "line", "speaks", "checksum"), index_rows(devices))
        yield ""
        yield "A device that speaks when it is asked may share its port with others. Without a"
        yield "checksum every reading carries the doubt `unchecked`. These pages are made from the"
        yield "files of `drivers/` by `make docs`: mend the driver, not the page."

    return _text(lines())


def _page(device: Device) -> str:
    def lines() -> Iterator[str]:
        yield f"# {device.name}: {device.title}"
        yield ""
        yield f"Made from `drivers/{device.name}.py` by `make docs`; [all devices]({INDEX})."
        yield ""
        yield f"- Line: {lines_of(device)}."
        yield f"- Speaks {SPOKEN[speaks(device)]}."
        yield f"- Checksum: {checksum(device)}."
        yield ""
        yield "## Wiring"
        yield ""
        yield device.wiring
        yield ""
        yield from _configuration(device)
        yield from _registers(device)
        yield ""
        yield "## Quirks"
        yield ""
        yield from (f"- {quirk}" for quirk in device.quirks)
        yield ""
        yield from _trial(device)
        for example in device.examples:
            yield from _example(example)

    return _text(lines())


def _configuration(device: Device) -> Iterator[str]:
    yield "## In gateway.toml"
    yield ""
    yield "```toml"
    yield 'gateway = "home"'
    yield ""
    yield f"[device.{device.name}]"
    yield f'driver = "{device.name}"'
    usual = PIN if device.counts else SERIAL_PORT
    yield f'port = "{device.ports[0] if device.ports else usual}"'
    own = needed(device)
    for setting in device.settings:
        if setting.name in own:
            value = file_name(setting.name) if setting.is_file else own[setting.name]
            yield f'{setting.name} = "{value}"'
    yield "```"
    if device.settings:
        yield ""
        rows = [
            (
                f"`{one.name}`",
                f"`{one.default}`" if one.default else "",
                one.meaning + ("; the name of a file" if one.is_file else ""),
            )
            for one in device.settings
        ]
        yield from _table(("setting", "default", "meaning"), rows)
    yield ""


def _registers(device: Device) -> Iterator[str]:
    yield "## Registers"
    yield ""
    yield "Known ones; what else the device says is kept as well."
    yield ""
    rows = [(f"`{one.code}`", one.unit or "text", one.meaning) for one in device.registers]
    yield from _table(("register", "unit", "meaning"), rows)


def _trial(device: Device) -> Iterator[str]:
    yield "## Try it without one"
    yield ""
    yield f"    meterkast sim {device.name}"
    yield ""
    yield "prints the port of a device that does not exist, and its block for `gateway.toml`."
    variants = simulators.load(device.name).variants
    yield f"It can play, with `--variant`: {', '.join(f'`{one}`' for one in variants)}."
    yield ""
    given = "".join(
        f" --set {one.name}={file_name(one.name) if one.is_file else needed(device)[one.name]}"
        for one in device.settings
        if one.name in needed(device)
    )
    yield f"    meterkast decode {device.name} FILE{given}"
    yield ""
    yield "reads a capture; `--hex` if it is written in hex digits."


def _example(example: Example) -> Iterator[str]:
    yield ""
    yield f"## Example: {example.name}"
    if example.settings:
        yield ""
        yield "With these settings:"
    for name, value in example.settings.items():
        yield ""
        yield "```text"
        first, more, _ = value.partition("\n")
        yield f"{name}:\n{value.rstrip()}" if more else f"{name} = {first}"
        yield "```"
    for lines in (shown(example.stream), readings_table(example)):
        yield ""
        yield "```text"
        yield from lines
        yield "```"


def main() -> None:
    """Write every page anew."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    for old in FOLDER.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    print(f"{len(wanted)} pages in {FOLDER}")


if __name__ == "__main__":
    main()
