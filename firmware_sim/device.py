"""What a file in `devices/` declares, and how a simulated device is spoken to."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from firmware_sim import devices

# What every register shows at a UTC millisecond, by the name and in the milli-unit in which the
# driver tells it. The same time gives the same values; counters never fall.
Shown = Mapping[str, int | str]
Source = Callable[[int], Shown]


class Simulated(Protocol):
    """One device at the far end of a line, sans I/O. Times are UTC milliseconds and never fall."""

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """What the device answers at once; b"" from one that only talks."""
        ...

    def ticks(self, now_ms: int) -> bytes:
        """What the device says by itself at this moment; b"" between two telegrams."""
        ...

    def truth(self) -> Shown:
        """The registers of the last telegram or answer that was complete, as a driver must read
        them: rounded as this device rounds, in milli-units, by register."""
        ...


class Simulator(NamedTuple):
    """A kind of device. `SIMULATOR` is the value of every file in `devices/`.

    `variants` are the makes and dialects it can play, each with the settings that a driver's
    block needs to read it; the first is the usual one. `begin` makes a device from the variant's
    name, the source of what it shows, a seed for whatever else is left to chance, and the time.
    `source` makes such a source from a seed, for a device that stands alone.
    """

    variants: Mapping[str, Mapping[str, str]]
    begin: Callable[[str, Source, int, int], Simulated]
    source: Callable[[int], Source]


def names() -> Iterator[str]:
    """The name of every simulated device, which is its driver's name, in alphabetical order."""
    for module in pkgutil.iter_modules(devices.__path__):
        yield module.name


def load(name: str) -> Simulator:
    """The simulator of `devices/NAME.py`. Raises KeyError for a name that `names()` lacks."""
    if name not in set(names()):
        raise KeyError(name)
    simulator = importlib.import_module(f"firmware_sim.devices.{name}").SIMULATOR
    assert isinstance(simulator, Simulator)
    return simulator
