"""What a driver file declares, and the two ways a device may speak.

A driver file `drivers/NAME.py` has one module value `DEVICE: Device`. `devices()` finds them all;
nothing is registered by hand.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import drivers
from drivers.reading import Message, Reading

# No setting needs a longer number, and none shall cost the time to read a very long one.
_DIGITS_MAX = 18

# NamedTuples throughout: a driver alone in a process shall be there in 40 ms and 14 MB, of which
# the module dataclasses takes 9 ms and 1.3 MB.


class Line(NamedTuple):
    """How to open the line: speed in baud and the frame, as in 9600 7E1."""

    baud: int
    frame: str = "8N1"


class Send(NamedTuple):
    """Write these bytes to the device."""

    data: bytes


class Wait(NamedTuple):
    """Call `timeout()` after so many seconds of real time; a later Wait or Rest replaces this one.

    The line belongs to this session meanwhile: an answer is due, or the device needs a pause.
    """

    seconds: float


class Rest(NamedTuple):
    """As Wait, but other devices on the same line may speak meanwhile."""

    seconds: float


class SetLine(NamedTuple):
    """Reopen the line with another speed or frame once what was sent has left."""

    line: Line


Step = Message | Send | Wait | Rest | SetLine


class Session(Protocol):
    """One open device, sans I/O. A listening device only ever answers with Messages.

    `timeout()` is called once when the line has been opened and again whenever the last Wait or
    Rest has run out; a polled device sends its first request there. `feed` takes any slicing of the
    stream and gives the same Messages for all of them. Neither raises, whatever the bytes.

    Several polled devices may share a line. From its Send until its Rest all that is heard is fed
    to one session, which need not tell apart what is meant for others.
    """

    def feed(self, chunk: bytes) -> list[Step]: ...

    def timeout(self) -> list[Step]: ...


class Commanded(Protocol):
    """A session of a device that can be told to do something: `word` is one of its `commands`."""

    def command(self, word: str) -> list[Step]:
        """What to send for it, at once or once the answer under way has come. Never raises."""
        ...


class Register(NamedTuple):
    """One register that the device is known to have; unknown ones are kept as well."""

    code: str
    unit: str
    meaning: str


class Example(NamedTuple):
    """Bytes in, readings out: the device's own words, used by the laws and by the docs.

    `settings` are those which the device's block needs to read it, beside the defaults.
    `checksum_bits` is given where the check of this example is narrower than the device's, `polled`
    where this one is asked, or talks by itself, and its family does not.
    """

    name: str
    stream: bytes
    readings: tuple[Reading, ...]
    settings: Mapping[str, str] = MappingProxyType({})
    checksum_bits: int | None = None
    polled: bool | None = None


class Setting(NamedTuple):
    """A key that the device's block in gateway.toml may have beside driver, port and line.

    With `is_file` the block names a file, and the driver is given the file's text.
    """

    name: str
    default: str
    meaning: str
    is_file: bool = False


class SettingError(ValueError):
    """A setting that cannot work: which one, what is wrong with it, and what is allowed."""

    def __init__(self, name: str, what: str, allowed: str) -> None:
        super().__init__(f"{name}: {what}; {allowed}")
        self.name = name
        self.what = what
        self.allowed = allowed


def whole(settings: Mapping[str, str], name: str, low: int, high: int, usual: int) -> int:
    """A setting that is a whole number from `low` to `high`; where it is left out, the usual one.

    The usual one is allowed as well if it is none of these. Raises SettingError.
    """
    text = settings.get(name, "").strip() or str(usual)
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX:
        number = int(text)
        if low <= number <= high or number == usual:
            return number
    allowed = f"a whole number from {low} to {high}"
    if not low <= usual <= high:
        allowed += f", or {usual}"
    raise SettingError(name, f"{text[:40]!r} cannot be used", allowed)


class Device(NamedTuple):
    """All that is known of a device family. `name` equals the file's name and the config value.

    `checksum_bits` is the width of the check that guards a telegram (0: none, then every reading
    carries the doubt "unchecked"). `recognise` tells from a few kilobytes of raw line whether this
    is such a device. `open` makes a Session from the settings of the device's block, and raises
    SettingError for one that cannot work. `buffer_max` bounds what a session holds.

    A device that listens may be heard at any of `other_lines` as well: the gateway tries them in
    turn. A device that `counts` is not a meter of its own but a contact: its session begins at
    the setting `count`, and the gateway hands back there the last count that it kept. `commands`
    are what a scale can be told: "zero", "tare"; its sessions are then Commanded. `ports` are
    examples of the ports that are made for this device alone, where it hangs on no line. `unasked`
    are the settings with which a polled device that talks by itself is listened to and not asked.
    """

    name: str
    title: str
    line: Line
    wiring: str
    registers: tuple[Register, ...]
    examples: tuple[Example, ...]
    recognise: Callable[[bytes], bool]
    open: Callable[[Mapping[str, str]], Session]
    polled: bool = False
    counts: bool = False
    other_lines: tuple[Line, ...] = ()
    checksum_bits: int = 0
    buffer_max: int = 16 * 1024
    settings: tuple[Setting, ...] = ()
    commands: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    unasked: Mapping[str, str] = MappingProxyType({})
    quirks: tuple[str, ...] = ()


def names() -> Iterator[str]:
    """The name of every driver file, in alphabetical order, without importing any."""
    for module in pkgutil.iter_modules(drivers.__path__):
        if not module.ispkg and module.name not in {"reading", "sdk"}:
            yield module.name


def load(name: str) -> Device:
    """The device declared by `drivers/NAME.py`. Raises KeyError for a name that `names()` lacks."""
    if name not in set(names()):
        raise KeyError(name)
    device = importlib.import_module(f"drivers.{name}").DEVICE
    assert isinstance(device, Device)
    assert device.name == name, f"drivers/{name}.py declares {device.name!r}"
    return device
