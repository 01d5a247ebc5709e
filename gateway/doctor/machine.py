"""The machine: its clock, its power, its disk, its programs."""

import os
import pwd
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from gateway.contract.clock import HELD, SYNCED
from gateway.doctor.patient import Finding, Patient
from gateway.health import machine
from gateway.health.alarms import Alarm, told
from gateway.health.health import DISK_BYTES_MIN

# The cards that say how much of their life is used do so in tenths; at seven they should be
# replaced. Kernel: Documentation/driver-api/mmc/mmc-dev-attrs.rst.
LIFE = "sys/block/mmcblk0/device/life_time"
LIFE_TENTHS_MAX = 7
WARM_MC = 80_000  # the processor slows down
NAMES = ("drivers", "gateway", "firmware_sim", "ledger_bridge")


def examine(patient: Patient) -> Iterator[Finding]:
    yield from _packages()
    yield from _clock(patient)
    yield from _power(patient)
    yield from _disk(patient)


def alarm(code: str, where: str, about: str = "", facts: str = "") -> Finding:
    """An alarm that the doctor found itself."""
    what, try_ = told(Alarm(code, about, facts), "en")
    return Finding(what.rstrip("."), where, try_)


def _packages() -> Iterator[Finding]:
    owners = metadata.packages_distributions()
    for name in NAMES:
        others = sorted(set(owners.get(name, ())) - {"meterkast"})
        if others:
            what = f"{', '.join(others)} also has a package called {name}"
            try_ = "install meterkast into a virtual environment of its own"
            yield Finding(what, f"import {name}", try_)


def _clock(patient: Patient) -> Iterator[Finding]:
    quality = patient.clock.quality()
    where = "timedatectl"
    if quality == SYNCED:
        bound_ms = patient.clock.bound_ms() or 0
        yield Finding(f"the clock is right within {bound_ms} ms", where)
    else:
        yield alarm("clock-held" if quality == HELD else "clock-unset", where)


def _power(patient: Patient) -> Iterator[Finding]:
    look = machine.look(_there(patient.config.data), root=patient.root)
    if look.has_under_voltage:
        yield alarm("under-voltage", "the firmware's voltage monitor")
    elif look.has_under_voltage is not None:
        yield Finding("the voltage is enough", "the firmware's voltage monitor")
    if look.temperature_mc is not None:
        celsius, where = look.temperature_mc // 1000, "the processor"
        if look.temperature_mc >= WARM_MC:
            try_ = "give it air; a meter cupboard without any is too small for it"
            yield Finding(f"it is too warm: {celsius} °C", where, try_)
        else:
            yield Finding(f"it has {celsius} °C", where)


def _disk(patient: Patient) -> Iterator[Finding]:
    folder = _there(patient.config.data)
    free = machine.look(folder, root=patient.root).disk_free_bytes
    if free < DISK_BYTES_MIN:
        yield alarm("disk-short", str(folder), facts=f"{free // 1_000_000} MB")
    else:
        yield Finding(f"{free // 1_000_000} MB are free", str(folder))
    if patient.running is None and not os.access(folder, os.W_OK):
        try_ = f"sudo chown {pwd.getpwuid(os.geteuid()).pw_name} {folder}; or as another user"
        yield Finding("this user may not write there", str(folder), try_)
    try:
        used = max(int(word, 16) for word in (patient.root / LIFE).read_text("ascii").split())
    except (OSError, ValueError):
        return
    if used >= LIFE_TENTHS_MAX:
        what = f"the card has used {used} tenths of its life"
        yield Finding(what, LIFE, "replace it, and restore the backup on the new one")


def _there(folder: Path) -> Path:
    """The nearest folder that exists: before the first start there is no journal yet."""
    return next(one for one in (folder, *folder.parents) if one.exists())
