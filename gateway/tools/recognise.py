"""What a device is, by the bytes that it says: the driver files know their own. Pure."""

import re
from typing import NamedTuple

from drivers import sdk
from drivers.reading import Message, Reading

# A telegram of the longest protocol twice over: more tells nothing new.
HEARD_BYTES_MAX = 32 * 1024
# How common the lines of devices that speak by themselves are, the commonest first: P1, SML, DLMS,
# older P1, pushes of DLMS on M-Bus. Those of other drivers come after them.
COMMON = ("115200 8N1", "9600 8N1", "9600 7E1", "2400 8E1", "2400 8N1")

# What helps against two things that a line may have.
CABLE = "a shorter or another cable, or the reading head straighter on the meter"
INVERTER = "a cable that inverts the line, or an inverter between meter and Pi"

_REGISTER = re.compile(rb"\d-\d{1,3}:\d{1,3}\.\d")
REGISTERS_MIN = 3
LEGIBLE_MIN = 0.9


class Known(NamedTuple):
    """A driver that recognises what was heard, and what it makes of it.

    `readings` are of its fullest message, none where it needs a key; `faults` is their number.
    """

    driver: sdk.Device
    readings: tuple[Reading, ...]
    faults: int

    @property
    def needs_key(self) -> bool:
        return not self.readings

    @property
    def serial(self) -> str:
        return next((reading.serial for reading in self.readings if reading.serial), "")


def drivers() -> list[sdk.Device]:
    """Those that hang on a line: a pin or a load cell says nothing that could be heard."""
    loaded = [sdk.load(name) for name in sdk.names()]
    return [driver for driver in loaded if not driver.counts and not driver.ports]


def known_by(heard: bytes, among: list[sdk.Device]) -> list[Known]:
    """The drivers that recognise these bytes, the surest first."""
    found = [known for driver in among if (known := _known(driver, heard))]
    return sorted(found, key=_surety)


def _surety(known: Known) -> tuple[bool, int, int, int]:
    """Less is surer: readings, a wide checksum, few faults, many readings."""
    checksum, count = known.driver.checksum_bits, len(known.readings)
    return known.needs_key, -checksum, known.faults, -count


def _known(driver: sdk.Device, heard: bytes) -> Known | None:
    """None also where a driver cannot say what it hears without a map or the like."""
    if not driver.recognise(heard):
        return None
    try:
        session = driver.open(driver.unasked)
    except sdk.SettingError:
        return None
    said = [
        step for step in [*session.feed(heard), *session.timeout()] if isinstance(step, Message)
    ]
    readings = max((message.readings for message in said), key=len, default=())
    if not readings and all(setting.name != "key" for setting in driver.settings):
        return None
    return Known(driver, readings, sum(len(message.faults) for message in said))


def lines(among: list[sdk.Device]) -> list[sdk.Line]:
    """All lines that these drivers are heard on, the commonest first."""
    found: dict[sdk.Line, None] = {}
    for driver in among:
        found |= dict.fromkeys((driver.line, *driver.other_lines))
    order = {name: place for place, name in enumerate(COMMON)}
    return sorted(found, key=lambda line: order.get(f"{line.baud} {line.frame}", len(order)))


def damaged(heard: bytes, among: list[sdk.Device]) -> sdk.Device | None:
    """The driver of text that is its device's, though no telegram of it could be believed."""
    if legible(heard) < LEGIBLE_MIN:
        return None
    return next((driver for driver in among if driver.recognise(heard)), None)


def legible(heard: bytes) -> float:
    """The share of bytes that are text."""
    return sum(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in heard) / len(heard)


def is_inverted(heard: bytes) -> bool:
    """Whether text was read from a line whose levels are swapped.

    Of characters one after the other, each stop bit is taken for the next one's start bit: a byte
    has 1 as its lowest bit and above it the seven bits of the character, swapped.
    """
    turned = bytes((~byte >> 1) & 0x7F for byte in heard)
    return len(_REGISTER.findall(turned)) >= REGISTERS_MIN
