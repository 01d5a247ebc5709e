"""`meterkast scale watch` and `meterkast scale calibrate`: for whoever wires a scale."""

import asyncio
import contextlib
import datetime as dt
import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import cyclopts
from cyclopts import Parameter

from drivers import sdk
from drivers.reading import Reading
from drivers.sdk import Line
from drivers.wire import mass, scalefile
from gateway import config as settings
from gateway.contract.errors import LineLost, Problem, Unreachable, UsageError
from gateway.lines.ports import Port, open_port
from gateway.tools import calibrate as calibration
from gateway.tools import hearing
from gateway.tools.catalogue import line_text
from gateway.tools.decode import fields, named_driver, open_session
from gateway.tools.hearing import Heard, Hearing

app = cyclopts.App(name="scale", help="Wire a scale, and calibrate a load cell.")

MASSES = ("gross", "tare", "net")
AGAIN_S = 1.0  # a lost line is tried again after this, and an unchanged line is shown again
STEADY = {"unstable": "moving", "unjudged": "not judged"}

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Settings = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]


class Target(NamedTuple):
    """What is to be heard: a driver, its settings, and where it hangs."""

    device: sdk.Device
    own: Mapping[str, str]
    port: str
    line: Line
    where: str

    def session(self) -> sdk.Session:
        return self.device.open(self.own)


@app.command
def watch(
    device: str | None = None,
    /,
    *,
    config: Path = Path("gateway.toml"),
    driver: str | None = None,
    port: str | None = None,
    line: str | None = None,
    own: Settings = (),
    as_json: AsJson = False,
) -> int:
    """Show what a scale says: each line as it comes, the weight, whether it stands still, faults.

    Ends with Ctrl-C. The gateway must not be running: a port has one reader.

    Parameters
    ----------
    device
        A scale of gateway.toml; may be left out where there is one.
    config
        The gateway's settings.
    driver
        Instead of a device of gateway.toml: a driver, with --port.
    port
        Where it hangs, such as /dev/ttyUSB0.
    line
        Speed and frame, such as "9600 7E1", where they are not the driver's.
    own
        What its block would say, NAME=VALUE; may be given several times.
    as_json
        One JSON object a line, with every line of the scale.
    """
    if driver is not None:
        target = _given(driver, port, line, own)
    else:
        target = _configured(device, config, line)
    _note(target)
    weighs = _Teller(as_json=as_json)
    with contextlib.suppress(KeyboardInterrupt):
        _watch(target, weighs)
    print(f"{weighs.weights} weights, {weighs.faults} faults", file=sys.stderr)
    return 0


def _given(driver: str, port: str | None, line: str | None, own: Iterable[str]) -> Target:
    known = named_driver(driver)
    if port is None:
        raise UsageError(Problem("no port", f"--driver {driver}", "--port /dev/ttyUSB0"))
    open_session(known, own)  # tells what is wrong with a setting
    given = dict(pair.split("=", 1) for pair in own)
    for setting in known.settings:
        if setting.is_file and setting.name in given:
            given[setting.name] = Path(given[setting.name]).read_text("utf-8")
    return Target(_weighs(known, f"--driver {driver}"), given, port, _line(line, known), port)


def _configured(name: str | None, path: Path, line: str | None) -> Target:
    loaded = settings.load(path)
    scales = {
        one: known
        for one, block in loaded.device.items()
        if _is_scale(known := sdk.load(block.driver))
    }
    if name is None and len(scales) == 1:
        name = next(iter(scales))
    if name is None or name not in scales:
        what = f"{name!r} is no scale" if name else "which scale?"
        raise UsageError(Problem(what, str(path), f"scales here: {', '.join(scales) or 'none'}"))
    block = loaded.device[name]
    own_line = block.speed() if line is None else None
    return Target(
        scales[name], block.own(), block.port, own_line or _line(line, scales[name]), name
    )


def _is_scale(device: sdk.Device) -> bool:
    return any(register.code in MASSES for register in device.registers)


def _weighs(device: sdk.Device, where: str) -> sdk.Device:
    if _is_scale(device):
        return device
    scales = [name for name in sdk.names() if _is_scale(sdk.load(name))]
    raise UsageError(Problem(f"{device.name} is no scale", where, ", ".join(scales)))


def _line(text: str | None, device: sdk.Device) -> Line:
    if text is None:
        return device.line
    try:
        return settings.line_of(text)
    except ValueError as error:
        what = f"{text!r} is not a speed and a frame"
        raise UsageError(Problem(what, "--line", '--line "9600 7E1"')) from error


def _note(target: Target) -> None:
    """Before the first line: where it is heard, and what a map says of it."""
    where = f"{target.device.name} at {target.port}"
    if not target.device.ports:
        where += f", {line_text(target.line)}"
    print(f"{where}; Ctrl-C ends", file=sys.stderr)
    text = target.own.get(scalefile.SETTING, "") if target.device.name == "scale" else ""
    said = scalefile.read(text).line if text else ""
    if said and said != line_text(target.line):
        print(f"hint: the map says {said}", file=sys.stderr)


def _watch(target: Target, weighs: "_Teller") -> None:
    """Until Ctrl-C. Raises Unreachable where the line cannot be had the first time."""
    port = _opened(target)
    while True:
        try:
            _serve(Hearing(port, target.session()), target, weighs)
        except LineLost as lost:
            print(f"lost: {lost}", file=sys.stderr)
        finally:
            port.close()
        port = _reopened(target)


def _opened(target: Target) -> Port:
    try:
        return asyncio.run(open_port(target.port, target.line))
    except LineLost as lost:
        try_ = lost.try_ or "look at the cable, or give another --port"
        raise Unreachable(Problem(str(lost), f"{target.where}: {target.port}", try_)) from lost


def _reopened(target: Target) -> Port:
    while True:
        time.sleep(AGAIN_S)
        with contextlib.suppress(LineLost):
            port = asyncio.run(open_port(target.port, target.line))
            print("back", file=sys.stderr)
            return port


def _serve(heard: Hearing, target: Target, weighs: "_Teller") -> None:
    """Tell what is heard, and hints where nothing is understood. Raises LineLost."""
    silent_s = strange_s = time.monotonic()
    strange = 0
    while True:
        before = heard.bytes
        told = heard.hear(hearing.SILENT_S)
        now_s = time.monotonic()
        for one in told:
            weighs.tell(one)
        if heard.bytes > before:
            silent_s = now_s
        elif now_s - silent_s >= hearing.SILENT_S:
            weighs.hint(hearing.silence(target.device))
            silent_s = now_s
        if any(_is_understood(one) for one in told) or heard.bytes == strange:
            strange, strange_s = heard.bytes, now_s
        elif heard.bytes - strange >= hearing.NOISE_BYTES and now_s - strange_s > hearing.NOISE_S:
            sample = heard.last[-(heard.bytes - strange) :]
            weighs.hint(hearing.noise(sample, target.line, target.device))
            strange, strange_s = heard.bytes, now_s


def _is_understood(heard: Heard) -> bool:
    """Whether it is a telegram of the device, with a weight or without."""
    return bool({fault.kind for fault in heard.message.faults} - {"noise"}) or bool(
        heard.message.readings
    )


class _Teller:
    """Prints what is heard; counts weights and faults."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last: tuple[str, float] = ("", 0.0)
        self.weights = self.faults = 0

    def hint(self, text: str) -> None:
        print(f"hint: {text}", file=sys.stderr, flush=True)

    def tell(self, heard: Heard) -> None:
        self.weights += any(one.register in MASSES for one in heard.message.readings)
        self.faults += len(heard.message.faults)
        if self._as_json:
            print(json.dumps(_in_json(heard), ensure_ascii=False), flush=True)
            return
        text = _in_text(heard)
        before, at_s = self._last
        now_s = time.monotonic()
        if text == before and now_s - at_s < AGAIN_S:
            return  # many scales say the same ten times a second
        self._last = text, now_s
        clock = dt.datetime.now().astimezone()
        print(f"{clock:%H:%M:%S}.{clock.microsecond // 1000:03}  {text}", flush=True)


def _steady(readings: Iterable[Reading]) -> str:
    """What is known of whether the weight stands still; "" where there is none."""
    doubts = [one.doubt for one in readings if one.register in MASSES]
    return STEADY.get(doubts[0], "stable") if doubts else ""


def _in_json(heard: Heard) -> dict[str, object]:
    message = heard.message
    now = dt.datetime.now(dt.UTC)
    return {
        "at": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
        "raw": hearing.shown(heard.raw, 3 * len(heard.raw)),
        "hex": heard.raw.hex(),
        "steady": _steady(message.readings),
        "readings": [fields(one) for one in message.readings],
        "faults": [fields(one) for one in message.faults],
    }


def _in_text(heard: Heard) -> str:
    message = heard.message
    parts = [f"{one.register} {_amount(one)}" for one in message.readings]
    if steady := _steady(message.readings):
        parts.append(steady)
    parts += [f"fault {one.kind}: {one.detail or f'{one.length} bytes'}" for one in message.faults]
    return f"{hearing.shown(heard.raw, 48):<32}  {', '.join(parts)}"


def _amount(reading: Reading) -> str:
    if reading.unit == "mg":
        assert isinstance(reading.value, int)
        return mass.kilograms(reading.value)
    return f"{reading.value}"


@app.command
def calibrate(
    device: str,
    /,
    *,
    weight: tuple[str, str],
    config: Path = Path("gateway.toml"),
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Find out what the counts of a load cell (hx711) are worth: empty plate, then a known weight.

    Asks step by step, waits until the counts stand still, and shows what it would write. Other
    scales are calibrated at the scale itself. The gateway must not be running.

    Parameters
    ----------
    device
        The load cell, as its block in gateway.toml is called.
    weight
        What will be put on the plate, such as 20 kg; the heavier the better.
    config
        The gateway's settings.
    yes
        Ask nothing: the weight is awaited, and the file is written.
    """
    return calibration.calibrate(device, " ".join(weight), config, asks=not yes)
