"""The machine that the gateway runs on: its warmth, its voltage, and the room on its disk.

A machine that cannot tell one of these gives None: a laptop has no voltage monitor of a Pi.
"""

import os
from pathlib import Path
from typing import NamedTuple

# Kernel: Documentation/ABI/testing/sysfs-class-thermal; hwmon driver raspberrypi-hwmon.
TEMPERATURE = Path("sys/class/thermal/thermal_zone0/temp")
VOLTAGE = Path("sys/class/hwmon")
# The firmware's own word on older kernels; bit 0: under-voltage now.
THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")


class Machine(NamedTuple):
    """`temperature_mc` is in thousandths of a degree Celsius."""

    temperature_mc: int | None
    has_under_voltage: bool | None
    disk_free_bytes: int


def look(folder: Path, *, root: Path = Path("/")) -> Machine:
    """The machine now; the disk is the one that `folder` is on, `root` is where /sys begins."""
    return Machine(_number(root / TEMPERATURE, 10), _under_voltage(root), _free_bytes(folder))


def _free_bytes(folder: Path) -> int:
    """None is free on a disk that is not there."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text("ascii"), base)
    except (OSError, ValueError):
        return None


def _under_voltage(root: Path) -> bool | None:
    monitors = root / VOLTAGE
    for monitor in sorted(monitors.iterdir()) if monitors.is_dir() else ():
        try:
            name = (monitor / "name").read_text("ascii").strip()
        except OSError:
            continue
        if name == "rpi_volt":
            alarm = _number(monitor / "in0_lcrit_alarm", 10)
            return None if alarm is None else alarm != 0
    throttled = _number(root / THROTTLED, 16)
    return None if throttled is None else bool(throttled & 1)
