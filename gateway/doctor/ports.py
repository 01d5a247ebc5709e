"""Serial ports: are they there, may we open them, and who else wants them."""

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor import uart
from gateway.doctor.patient import Finding, Patient, text
from gateway.lines.holders import OURS, holder
from gateway.lines.portnames import BY_ID
from gateway.lines.ports import kind_of
from gateway.lines.serialport import is_pseudo, is_serial, may_open
from gateway.tools import udev
from gateway.tools.discover import seen


def examine(patient: Patient) -> Iterator[Finding]:
    for port in dict.fromkeys(device.port for device in patient.config.device.values()):
        if port.startswith("/"):
            yield from _port(patient, port)
    if any(device.port.startswith("/dev/serial/") for device in patient.config.device.values()):
        yield from _modem_manager(patient)


def _port(patient: Patient, port: str) -> Iterator[Finding]:
    yield from (of_header := list(uart.examine(patient, port)))
    if not os.path.exists(port):  # noqa: PTH110 - also where the folder may not be looked into
        if of_header:
            return
        there = ", ".join(seen()) or "none"
        yield Finding("the port is not there", port, f"plug it in; ports there now: {there}")
        return
    if not kind_of(port) and not is_serial(port):
        yield Finding("this is no serial port", port, "meterkast discover")
        return
    yield from _twins(patient, port)
    by = None if is_pseudo(port) else holder(port)
    if not os.access(port, os.R_OK | os.W_OK):
        yield Finding("this user may not open the port", port, may_open(port))
    elif by and by.program != OURS:
        yield Finding(f"the port is held by {by}", port, by.try_)
    else:
        yield Finding("the port is there", port)


def _twins(patient: Patient, port: str) -> Iterator[Finding]:
    """Whether another adapter says just what this one says of itself."""
    same = [
        one.port for one in udev.alike(udev.adapters(patient.root)) if Path(port).name == one.link
    ]
    if Path(port).parent == BY_ID and same:
        what = f"{' and '.join(same)} both have this name, which leads to either"
        yield Finding(what, port, "sudo meterkast install udev, with both plugged in")


def _modem_manager(patient: Patient) -> Iterator[Finding]:
    """It takes every new serial adapter for a modem and talks to it."""
    processes = patient.root / "proc"
    for process in processes.glob("[0-9]*/comm"):
        if text(process).strip() == "ModemManager":
            what = "ModemManager runs, and tries modem commands on each adapter"
            try_ = "sudo systemctl disable --now ModemManager"
            yield Finding(what, f"process {process.parent.name}", try_)
            return
