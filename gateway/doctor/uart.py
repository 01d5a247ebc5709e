"""The serial port on a Pi's header, pins 8 and 10: which name it has, who else is on it.

Spec: Raspberry Pi documentation, "Configure UARTs" and "config.txt"; firmware README of overlays.

| Pi | /dev/serial0 leads to | a full UART on the header |
|---|---|---|
| 1, 2, Zero | ttyAMA0 | enable_uart=1 |
| 3, 4, Zero W, Zero 2 W | ttyS0, the mini UART; ttyAMA0 is Bluetooth's | and dtoverlay=disable-bt |
| 5 | ttyAMA10, the debugging plug | dtparam=uart0=on, and it is ttyAMA0 |
"""

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor.patient import Finding, Patient, text

PORTS = ("/dev/serial0", "/dev/ttyAMA", "/dev/ttyS")
MODEL = "proc/device-tree/model"
# Debian 12 moved the folder of the firmware; older cards have it where it was.
FOLDERS = ("boot/firmware", "boot")
LOGINS = ("etc/systemd/system/getty.target.wants", "run/systemd/generator/getty.target.wants")

DEBUGGING, MINI, FULL = "ttyAMA10", "ttyS0", "ttyAMA0"
ON, NO_BLUETOOTH, PI_5 = "enable_uart=1", "dtoverlay=disable-bt", "dtparam=uart0=on"
NO_CONSOLE = "raspi-config: no login shell over serial, but the port enabled; then restart"
_FIVE = re.compile(r"Raspberry Pi (5|Compute Module 5)")
_BLUETOOTH = re.compile(r"Raspberry Pi (3|4|Zero W|Zero 2|Compute Module 4)")
_OVERLAY = re.compile(r"dtoverlay=(?:pi3-)?(?:disable-bt|miniuart-bt)\b")


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
        yield Finding(f"{real} is on the header, pins 8 and 10", model)


class _Pi:
    """What a Pi's files say of its serial ports."""

    def __init__(self, root: Path, model: str) -> None:
        self._root = root
        self._model = model
        there = (folder for folder in FOLDERS if (root / folder / "config.txt").exists())
        self._folder = next(there, FOLDERS[0])
        self._config = _valid(text(root / self._folder / "config.txt"), model)

    def real(self, port: str) -> str:
        """The port that a name leads to, without its folder; "" where it leads nowhere."""
        path = self._root / port.removeprefix("/")
        return path.resolve().name if path.exists() else ""

    def missing(self, port: str) -> Finding:
        what = f"{port} is not there: the header's port is off"
        if _FIVE.match(self._model):
            return self._wrong(what, PI_5)
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
            yield self._wrong(what, PI_5, then=f'; port = "/dev/{FULL}"')
        elif real == MINI:
            what = (
                "this is the mini UART: no parity, and a speed that follows the processor's clock"
            )
            yield self._wrong(what, NO_BLUETOOTH)
        elif real == FULL and _BLUETOOTH.match(self._model) and not _OVERLAY.search(self._config):
            what = f"{port} is where this Pi has its Bluetooth"
            yield self._wrong(what, NO_BLUETOOTH, then='; port = "/dev/serial0"')

    def _wrong(self, what: str, *lines: str, then: str = "") -> Finding:
        file = f"/{self._folder}/config.txt"
        missing = [line for line in lines if line not in self._config.splitlines()]
        added = f"{' and '.join(missing)} in {file}, and restart" if missing else "restart"
        return Finding(what, file, added + then)


def _valid(config: str, model: str) -> str:
    """The lines of config.txt that count on this Pi: of [all], and of the kinds that it is of."""
    kinds = {"all"}
    if number := re.match(r"Raspberry Pi (?:Compute Module )?(\d|Zero)", model):
        kinds.add("pi0" if number[1] == "Zero" else f"pi{number[1]}")
    lines, counts = [], True
    for line in config.splitlines():
        if section := re.match(r"\[(.+)\]", line.strip()):
            counts = section[1] in kinds
        elif counts:
            lines.append(line.partition("#")[0].strip())
    return "\n".join(lines)
