"""Serial ports: are they there, may we open them, and who else wants them."""

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor.patient import Finding, Patient
from gateway.lines.holders import OURS, holder
from gateway.lines.ports import kind_of
from gateway.lines.serialport import is_pseudo, is_serial, may_open
from gateway.tools.discover import seen

# The port of the header: called by what it is, or by what the firmware makes of it.
UARTS = ("/dev/serial0", "/dev/ttyAMA", "/dev/ttyS")
# Kernel and firmware texts, from the root of the file system.
MODEL = "proc/device-tree/model"
CMDLINE = "proc/cmdline"
CONSOLES = ("console=serial0", "console=ttyAMA0", "console=ttyS0")
DEBUGGING = "/dev/ttyAMA10"
UART_OVERLAY = 'dtparam=uart0=on in /boot/firmware/config.txt, then port = "/dev/ttyAMA0"'


def examine(patient: Patient) -> Iterator[Finding]:
    for port in dict.fromkeys(device.port for device in patient.config.device.values()):
        if port.startswith("/"):
            yield from _port(patient, port)
    if any(device.port.startswith("/dev/serial/") for device in patient.config.device.values()):
        yield from _modem_manager(patient)


def _port(patient: Patient, port: str) -> Iterator[Finding]:
    if not os.path.exists(port):  # noqa: PTH110 - also where the folder may not be looked into
        there = ", ".join(seen()) or "none"
        yield Finding("the port is not there", port, f"plug it in; ports there now: {there}")
        return
    if not kind_of(port) and not is_serial(port):
        yield Finding("this is no serial port", port, "meterkast discover")
        return
    if port.startswith(UARTS):
        yield from _uart(patient, port)
    by = None if is_pseudo(port) else holder(port)
    if not os.access(port, os.R_OK | os.W_OK):
        yield Finding("this user may not open the port", port, may_open(port))
    elif by and by.program != OURS:
        yield Finding(f"the port is held by {by}", port, by.try_)
    else:
        yield Finding("the port is there", port)


def _uart(patient: Patient, port: str) -> Iterator[Finding]:
    """What is known of the serial port on a Pi's header."""
    words = _text(patient.root / CMDLINE).split()
    if console := next((word for word in words if word.startswith(CONSOLES)), ""):
        try_ = "raspi-config: no login shell over serial, but the port enabled; then restart"
        yield Finding(f"the kernel talks on this port itself: {console}", port, try_)
    real = os.path.realpath(port)
    if real == DEBUGGING:
        what = f"{port} leads to the debugging plug of this Pi"
        yield Finding(what, _text(patient.root / MODEL).strip("\0"), UART_OVERLAY)
    elif real.startswith("/dev/ttyS") and "Raspberry Pi" in _text(patient.root / MODEL):
        what = "this is the mini UART, whose speed follows the processor's clock"
        yield Finding(what, port, "dtoverlay=disable-bt in /boot/firmware/config.txt")


def _modem_manager(patient: Patient) -> Iterator[Finding]:
    """It takes every new serial adapter for a modem and talks to it."""
    processes = patient.root / "proc"
    for process in processes.glob("[0-9]*/comm"):
        if _text(process).strip() == "ModemManager":
            what = "ModemManager runs, and tries modem commands on each adapter"
            try_ = "sudo systemctl disable --now ModemManager"
            yield Finding(what, f"process {process.parent.name}", try_)
            return


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
