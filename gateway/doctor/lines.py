"""Lines: listen on each and tell silence, a wrong speed and swapped levels apart."""

import asyncio
import os
from collections.abc import AsyncIterator

from drivers import sdk
from gateway.config import DeviceSettings
from gateway.contract.errors import LineLost
from gateway.doctor.patient import Finding, Patient
from gateway.lines.ports import NETWORK, kind_of, open_port
from gateway.lines.serialport import is_serial
from gateway.tools import probe
from gateway.tools.discover import hear
from gateway.tools.recognise import INVERTER, Known, drivers, is_inverted, known_by


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """Nothing of a gateway that runs: it has the lines, and tells itself how they fare."""
    if patient.running is not None:
        return
    looks = [_port(patient, devices) for devices in _shared(patient).values()]
    for findings in await asyncio.gather(*looks):
        for finding in findings:
            yield finding


def _shared(patient: Patient) -> dict[str, list[tuple[str, DeviceSettings]]]:
    """The devices by their lines; what is no port, not there or not ours is told elsewhere."""
    ports: dict[str, list[tuple[str, DeviceSettings]]] = {}
    for name, device in patient.config.device.items():
        if kind_of(device.port) in NETWORK or _can_be_opened(device.port):
            ports.setdefault(device.port, []).append((name, device))
    return ports


def _can_be_opened(port: str) -> bool:
    if not os.access(port, os.R_OK | os.W_OK):
        return False
    return bool(kind_of(port)) or is_serial(port)


async def _port(patient: Patient, devices: list[tuple[str, DeviceSettings]]) -> list[Finding]:
    """One line; the devices on it are asked one after the other."""
    findings = []
    for name, device in devices:
        driver = sdk.load(device.driver)
        where = f"{name}: {device.port}"
        try:
            if driver.polled and not _is_only_heard(driver, device):
                findings.append(await _asked(device, driver, where))
            else:
                findings.append(await _heard(patient, device, driver, where))
        except LineLost as lost:
            try_ = lost.try_ or "whether it is switched on, and its address"
            findings.append(Finding(f"the line cannot be had: {lost}", where, try_))
    return findings


def _is_only_heard(driver: sdk.Device, device: DeviceSettings) -> bool:
    """Whether the settings say that this polled device talks by itself."""
    own = device.own()
    told = {name: own.get(name) for name in driver.unasked}
    return bool(told) and told == dict(driver.unasked)


async def _asked(device: DeviceSettings, driver: sdk.Device, where: str) -> Finding:
    known = await probe.answered(device.port, driver, device.own(), device.speed())
    if known:
        return Finding(f"it answers with {len(known.readings)} registers", where)
    try_ = (
        "its address and speed in its own menu against those in the settings; A and B, or 2 and 3, "
        f"swapped; wiring: meterkast drivers {driver.name}"
    )
    return Finding("it does not answer", where, try_)


async def _heard(
    patient: Patient, device: DeviceSettings, driver: sdk.Device, where: str
) -> Finding:
    """Listen at the line of the settings, then at the others that the device may have."""
    own = device.speed()
    lines = [driver.line, *driver.other_lines]
    first, *others = [own, *lines] if own else lines
    heard = await _listen(device.port, first, patient.listen_s)
    if found := _judge(heard, driver, device, where):
        return found
    if not heard:
        return Finding("nothing comes", where, _silent(driver))
    for line in dict.fromkeys(others):
        if line == first:
            continue
        later = await _listen(device.port, line, patient.listen_s)
        if any(one.driver is driver for one in known_by(later, [driver])):
            said = f"{line.baud} {line.frame}"
            what = f"it speaks at {said}, and is listened to at {first.baud} {first.frame}"
            return Finding(what, where, f'line = "{said}" in its block')
    what = f"{len(heard)} bytes came in {patient.listen_s:g} s that make no sense"
    try_ = f"another speed: meterkast discover --port {device.port}; a shorter cable"
    return Finding(what, where, try_)


async def _listen(name: str, line: sdk.Line, seconds: float) -> bytes:
    """What comes within the time, or until it is a telegram. Raises LineLost."""
    port = await open_port(name, line)
    try:
        _, heard = await hear(port, drivers(), seconds)
    finally:
        port.close()
    return heard


def _judge(heard: bytes, driver: sdk.Device, device: DeviceSettings, where: str) -> Finding | None:
    """What these bytes tell for certain, None where they do not."""
    known = known_by(heard, drivers())
    own = next((one for one in known if one.driver is driver), None)
    if own and own.needs_key and "key" not in device.own():
        try_ = 'key = "…" in its block: 32 hex digits, from the grid operator'
        return Finding("it speaks in a cipher", where, try_)
    if own:
        return Finding(_said(own), where)
    if known:
        other = known[0].driver
        what = f"who speaks there is no {driver.name}: {other.title}"
        return Finding(what, where, f'driver = "{other.name}" in its block')
    if is_inverted(heard):
        return Finding("the levels of the line are swapped", where, INVERTER)
    return None


def _said(known: Known) -> str:
    if known.needs_key:
        return "it speaks in a cipher, for which there is a key"
    number = f", number {known.serial}" if known.serial else ""
    return f"it speaks: {len(known.readings)} registers{number}"


def _silent(driver: sdk.Device) -> str:
    if driver.name == "p1":
        return (
            "a P1 port speaks only while its request line is up: a cable that connects pins 2 and "
            "1 (RTS and +5 V), its power where it needs some, and the plug the right way round"
        )
    return f"whether it is switched on, its wiring: meterkast drivers {driver.name}"
