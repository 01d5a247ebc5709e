"""The serial port on a Pi's header, pins 8 and 10: which name it has, who else is on it.

Spec: Raspberry Pi documentation, "Configure UARTs" and "config.txt"; firmware README of overlays.

| Pi | /dev/serial0 leads to | a full UART on the header |
|---|---|---|
| 1, 2, Zero | ttyAMA0 | enable_uart=1 |
| 3, 4, Zero W, Zero 2 W | ttyS0, the mini UART; ttyAMA0 is Bluetooth's | and dtoverlay=disable-bt |
| 5 | ttyAMA10, the debugging plug | dtparam=uart0=on, and it is ttyAMA0 |
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.doctor.patient import Finding, Patient, text

PORTS = ("/dev/serial0", "/dev/ttyAMA", "/dev/ttyS")
MODEL = "proc/device-tree/model"
# Debian 12 moved the folder of the firmware; older cards have it where it was.
FOLDERS = ("boot/firmware", "boot")
LOGINS = ("etc/systemd/system/getty.target.wants", "run/systemd/generator/getty.target.wants")

DEBUGGING, MINI, FULL = "ttyAMA10", "ttyS0", "ttyAMA0"
HEADERS = {"serial0", MINI, FULL}
ON, NO_BLUETOOTH, PI_5 = "enable_uart=1", "dtoverlay=disable-bt", "dtparam=uart0=on"
SERIAL_0 = "/dev/serial0"
PORT_0, PORT_5 = f'; port = "{SERIAL_0}"', f'; port = "/dev/{FULL}"'
NO_CONSOLE = "raspi-config: no login shell over serial, but the port enabled; then restart"
# Other lines of config.txt that do the same.
NO_BLUETOOTHS = {"disable-bt", "miniuart-bt", "pi3-disable-bt", "pi3-miniuart-bt"}
PI_5S = {"uart0", "uart0_console", "uart0-pi5"}
# How often a file may be included by one that is itself included.
INCLUDED_DEEP_MAX = 4
_FIVE = re.compile(r"Raspberry Pi (5|Compute Module 5)")
_BLUETOOTH = re.compile(r"Raspberry Pi (3|4|Zero W|Zero 2|Compute Module 4\b)")
_IS_ON = re.compile(r"(y|yes|on|true|0*[1-9]\d*)?")
# Which sections a Pi sees: those of every line that its name begins with.
SECTIONS = {
    "Model ": "pi1",
    "Compute Module Rev": "pi1 cm1",
    "2 ": "pi2",
    "3 ": "pi3",
    "3 Model A Plus": "pi3+",
    "3 Model B Plus": "pi3+",
    "Compute Module 3": "pi3 cm3",
    "Compute Module 3 Plus": "cm3+",
    "4": "pi4",
    "400": "pi400",
    "Compute Module 4": "pi4",
    "Compute Module 4 ": "cm4",
    "Compute Module 4S": "cm4s",
    "5": "pi5",
    "500": "pi500",
    "Compute Module 5": "pi5 cm5",
    "Zero": "pi0",
    "Zero W": "pi0w",
    "Zero 2": "pi0w pi02",
}
MODELS = {section for names in SECTIONS.values() for section in names.split()}


def examine(patient: Patient, port: str) -> Iterator[Finding]:
    """What is known of this port where it is that of a Pi's header; nothing of any other."""
    model = text(patient.root / MODEL).strip("\0\n")
    if not port.startswith(PORTS) or not model.startswith("Raspberry Pi"):
        return
    pi = _Pi(patient.root, model)
    real = pi.real(port)
    if not real:
        yield pi.missing(port)
        return
    wrong = [*pi.heard_by_others(real), *pi.misled(port, real)]
    yield from wrong
    if not wrong:
        at = "on the header, pins 8 and 10" if real in HEADERS else "a further port of this Pi"
        yield Finding(f"{real} is {at}", model)


class _Pi:
    """What a Pi's files say of its serial ports."""

    def __init__(self, root: Path, model: str) -> None:
        self._root = root
        self._model = model
        there = (folder for folder in FOLDERS if (root / folder / "config.txt").exists())
        self._folder = next(there, FOLDERS[0])
        lines = _included(root / self._folder, "config.txt")
        self._settings = _said(_valid(lines, model))

    def real(self, port: str) -> str:
        """The port that a name leads to, without its folder; "" where it leads nowhere."""
        path = self._root / port.removeprefix("/")
        return path.resolve().name if path.exists() else ""

    def missing(self, port: str) -> Finding:
        name = port.removeprefix("/dev/")
        if name not in HEADERS | {DEBUGGING}:
            file = f"/{self._folder}/config.txt"
            try_ = f"its overlay (dtoverlay -a | grep uart) in {file}, and restart"
            return Finding(f"{port} is not there", file, try_)
        what = f"{port} is not there: the header's port is off"
        if _FIVE.match(self._model):
            return self._wrong(what, PI_5, then="" if name == FULL else PORT_5)
        if _BLUETOOTH.match(self._model):
            return self._wrong(what, ON, NO_BLUETOOTH)
        return self._wrong(what, ON)

    def heard_by_others(self, real: str) -> Iterator[Finding]:
        """The kernel's console and logins."""
        file = f"{self._folder}/cmdline.txt"
        for place, says in (("proc/cmdline", "talks"), (file, "will talk, after a restart,")):
            if console := self._console(place, real):
                what = f"the kernel {says} on this port itself: {console}"
                yield Finding(what, f"/{file}", NO_CONSOLE)
                break
        unit = f"serial-getty@{real}.service"
        for folder in LOGINS:
            if (self._root / folder / unit).is_symlink():
                try_ = f"sudo systemctl disable --now {unit}"
                yield Finding("a login waits on this port", f"/{folder}/{unit}", try_)
                break

    def _console(self, place: str, real: str) -> str:
        for word in text(self._root / place).split():
            name = re.match(r"console=(\w+)", word)
            if name and real in {name[1], self.real(f"/dev/{name[1]}")}:
                return word
        return ""

    def misled(self, port: str, real: str) -> Iterator[Finding]:
        """A port that is another one than the header's, or a poor one."""
        if real == DEBUGGING:
            what = f"{port} leads to the debugging plug of this Pi"
            yield self._wrong(what, PI_5, then=PORT_5)
        elif not _BLUETOOTH.match(self._model):
            if real == MINI:
                what = f"{port} is not on the header of this Pi"
                yield Finding(what, self._model, 'port = "/dev/serial0"')
        elif real == MINI:
            what = (
                "this is the mini UART: no parity, and a speed that follows the processor's clock"
            )
            yield self._wrong(what, NO_BLUETOOTH, then="" if port == SERIAL_0 else PORT_0)
        elif real == FULL and self._header != FULL:
            what = f"{port} is where this Pi has its Bluetooth"
            yield self._wrong(what, NO_BLUETOOTH, then=PORT_0)

    @property
    def _header(self) -> str:
        """What the header of a Pi with Bluetooth has: as it is now, else as the settings say."""
        settled = FULL if NO_BLUETOOTH in self._settings else MINI
        return self.real(SERIAL_0) or settled

    def _wrong(self, what: str, *lines: str, then: str = "") -> Finding:
        file = f"/{self._folder}/config.txt"
        missing = [line for line in lines if line not in self._settings]
        added = f"{' and '.join(missing)} in {file}, and restart" if missing else "restart"
        return Finding(what, file, added + then)


def _included(folder: Path, name: str, deep: int = 0) -> Iterator[str]:
    """The lines of a file, each `include` replaced by those of the file that it names."""
    for line in text(folder / name).splitlines():
        word, _, other = line.strip().partition(" ")
        if word == "include" and deep < INCLUDED_DEEP_MAX:
            yield from _included(folder, other.strip(), deep + 1)
        else:
            yield line.strip()


def _valid(lines: Iterable[str], model: str) -> Iterator[str]:
    """The lines that count on this Pi.

    A section for a model takes the place of another such; one of any other kind ([none], a pin, a
    screen) comes on top, and what it asks is not known here. [all] ends both.
    """
    name = model.removeprefix("Raspberry Pi ")
    seen = {
        one for start, ones in SECTIONS.items() if name.startswith(start) for one in ones.split()
    }
    is_model, is_known = True, True
    for line in lines:
        if section := re.match(r"\[(.+)\]", line):
            if section[1] == "all":
                is_model, is_known = True, True
            elif section[1] in MODELS:
                is_model = section[1] in seen
            else:
                is_known = False
        elif is_model and is_known:
            yield line


def _said(lines: Iterable[str]) -> set[str]:
    """Which of ON, NO_BLUETOOTH and PI_5 these lines come to. What is said last counts.

    A comment is a line of its own: after an overlay it would be part of its name.
    """
    said = set[str]()
    for line in lines:
        key, _, value = line.partition("=")
        words = value.split(",")
        if key == "enable_uart":
            (said.add if value[:1] == "1" else said.discard)(ON)
        elif key in {"dtoverlay", "device_tree_overlay"}:
            said |= {NO_BLUETOOTH} if words[0] in NO_BLUETOOTHS else set()
            said |= {PI_5} if words[0] in PI_5S else set()
        elif key in {"dtparam", "device_tree_param"}:
            for name, _, state in (word.partition("=") for word in words):
                if name in PI_5S:
                    (said.add if _IS_ON.fullmatch(state) else said.discard)(PI_5)
    return said
