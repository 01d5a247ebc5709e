"""What happens to bytes on their way along a line, for every simulated device alike.

A pseudo-terminal knows neither speed nor parity nor polarity, so these are worked out here on the
bits as a UART sends and samples them: start bit 0, data bits lowest first, parity, stop bit 1.

Spec: EIA-232/V.24 asynchronous characters; 16550 UART data sheet for the sampling in mid-bit.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from firmware_sim.device import Shown, Simulated

# How often chance strikes, once in so many bits or bytes.
BITS_PER_FLIP = 1_000
BYTES_PER_SLIP = 300
OVERRUN_BYTES = 16  # the receive buffer of a 16550
OVERRUN_EVERY = 4  # utterances
CUT_BYTES_MAX = 200  # a line that goes dead does so within a telegram
HELD_MAX = 16 * 1024


class Frame(NamedTuple):
    """How a UART is set: `data_bits` 7 or 8, `even` with a parity bit, one stop bit."""

    baud: int
    data_bits: int = 8
    even: bool = False


EIGHT = Frame(9_600)
SEVEN = Frame(9_600, 7, even=True)
HALF = Frame(4_800)


def levels(data: bytes, frame: Frame) -> list[int]:
    """The level of the line bit by bit; an idle line is 1.

    >>> levels(b"U", Frame(9600))
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    """
    line: list[int] = []
    for byte in data:
        bits = [byte >> n & 1 for n in range(frame.data_bits)]
        line += [0, *bits, *([sum(bits) % 2] if frame.even else []), 1]
    return line


def sampled(line: list[int], *, sent: Frame, read: Frame, idle: int = 1) -> bytes:
    """What a UART set to `read` makes of levels that last as long as those of `sent`.

    It waits for the line to fall, samples each bit in its middle, and gives the byte whatever the
    stop bit is. Where that is 0 it waits for the line to rise before it looks for the next.
    `idle` is the level before and after.
    """
    said = bytearray()
    # Times in units in which half a bit of either side is whole.
    sent_bit, read_bit = 2 * read.baud, 2 * sent.baud
    bits = read.data_bits + read.even

    def level(at: int) -> int:
        return line[at // sent_bit] if at < len(line) * sent_bit else idle

    at, high = 0, idle == 1
    while at < len(line) * sent_bit:
        if not high or level(at):
            high = high or level(at) == 1
            at += sent_bit - at % sent_bit  # to the next place where the level may change
            continue
        middles = [at + read_bit // 2 + n * read_bit for n in range(1, bits + 2)]
        taken = [level(middle) for middle in middles]
        said.append(sum(bit << n for n, bit in enumerate(taken[: read.data_bits])))
        high = taken[-1] == 1
        at = middles[-1]
    return bytes(said)


def seen(data: bytes, *, sent: Frame, read: Frame) -> bytes:
    """Bytes sent by one UART and read by another that may be set otherwise."""
    return sampled(levels(data, sent), sent=sent, read=read)


def inverted(data: bytes) -> bytes:
    """Bytes on a line whose two levels are swapped, idle as well."""
    turned = [1 - bit for bit in levels(data, EIGHT)]
    return sampled(turned, sent=EIGHT, read=EIGHT, idle=0)


def flipped(data: bytes, chance: Random) -> bytes:
    """Each bit is turned round once in `BITS_PER_FLIP`."""
    return bytes(
        byte ^ sum((not chance.randrange(BITS_PER_FLIP)) << n for n in range(8)) for byte in data
    )


def dropped(data: bytes, chance: Random) -> bytes:
    """Each byte is lost once in `BYTES_PER_SLIP`."""
    return bytes(byte for byte in data if chance.randrange(BYTES_PER_SLIP))


def doubled(data: bytes, chance: Random) -> bytes:
    """Each byte comes twice once in `BYTES_PER_SLIP`."""
    return b"".join(bytes([byte]) * (1 if chance.randrange(BYTES_PER_SLIP) else 2) for byte in data)


def overrun(data: bytes, chance: Random) -> bytes:
    """Now and then nobody empties the receive buffer in time, and `OVERRUN_BYTES` are lost."""
    if chance.randrange(OVERRUN_EVERY):
        return data
    at = chance.randrange(max(1, len(data) - OVERRUN_BYTES))
    return data[:at] + data[at + OVERRUN_BYTES :]


Change = Callable[[bytes], bytes]


def _begun_late(chance: Random) -> Change:
    """The listener comes in the middle of the first telegram."""
    missed = False

    def change(data: bytes) -> bytes:
        nonlocal missed
        if missed:
            return data
        missed = True
        return data[chance.randrange(len(data)) + 1 :]

    return change


def _run_together(chance: Random) -> Change:
    """Every other utterance is held back, and comes at once with the one that follows."""
    del chance
    held: list[bytes] = []

    def change(data: bytes) -> bytes:
        held.append(data)
        if len(held) < 2 and len(data) < HELD_MAX:
            return b""
        both = b"".join(held)
        held.clear()
        return both

    return change


def _cut_off(chance: Random) -> Change:
    """The request line falls within a telegram: the rest of it, and what follows, never comes."""
    left = chance.randrange(CUT_BYTES_MAX)

    def change(data: bytes) -> bytes:
        nonlocal left
        said = data[:left]
        left = max(0, left - len(data))
        return said

    return change


def _by_chance(change: Callable[[bytes, Random], bytes]) -> Callable[[Random], Change]:
    return lambda chance: lambda data: change(data, chance)


def _always(change: Change) -> Callable[[Random], Change]:
    return lambda _chance: change


class Fault(NamedTuple):
    """A fault of a line. `begin` makes the change to what a device says, from a seeded chance; it
    may remember what it did. `echoes`: the program hears what it sends.
    """

    meaning: str
    begin: Callable[[Random], Change]
    echoes: bool = False


FAULTS = {
    "parity": Fault(
        "the device sends 7E1 and is read as 8N1",
        _always(lambda data: seen(data, sent=SEVEN, read=EIGHT)),
    ),
    "no-parity": Fault(
        "the device sends 8N1 and is read as 7E1",
        _always(lambda data: seen(data, sent=EIGHT, read=SEVEN)),
    ),
    "wrong-speed": Fault(
        "the program reads at half the speed",
        _always(lambda data: seen(data, sent=EIGHT, read=HALF)),
    ),
    "inverted": Fault("the line's levels are swapped", _always(inverted)),
    "bit-flips": Fault(f"one bit in {BITS_PER_FLIP} is wrong", _by_chance(flipped)),
    "drops": Fault(f"one byte in {BYTES_PER_SLIP} is lost", _by_chance(dropped)),
    "doubles": Fault(f"one byte in {BYTES_PER_SLIP} comes twice", _by_chance(doubled)),
    "overrun": Fault(f"now and then {OVERRUN_BYTES} bytes are lost", _by_chance(overrun)),
    "late-start": Fault("the program begins to listen within a telegram", _begun_late),
    "run-together": Fault("two telegrams or answers come at once", _run_together),
    "cut": Fault("the line goes dead within a telegram", _cut_off),
    "silence": Fault("nothing comes", _always(lambda _data: b"")),
    "echo": Fault("the program hears what it sends", _always(lambda data: data), echoes=True),
}
# Not a matter of bytes: the port goes and comes back under another name.
UNPLUG = "unplug"


class Line:
    """A simulated device at the end of a line with faults, until `mend` is called."""

    def __init__(self, simulated: Simulated, faults: Iterable[str], seed: int) -> None:
        """`faults`: names of `FAULTS`, in the order in which they act."""
        self._simulated = simulated
        chosen = [(name, FAULTS[name]) for name in faults]
        # Each has a chance of its own, so that one more does not change what the others do.
        self._changes = [
            fault.begin(Random(f"{seed}/{name}/{place}"))  # noqa: S311 - a play, no secret
            for place, (name, fault) in enumerate(chosen)
        ]
        self._echoes = any(fault.echoes for _, fault in chosen)

    def mend(self) -> None:
        self._changes = []
        self._echoes = False

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        said = self._simulated.hears(data, now_ms=now_ms)
        return (data if self._echoes else b"") + self._along(said)

    def ticks(self, now_ms: int) -> bytes:
        return self._along(self._simulated.ticks(now_ms))

    def truth(self) -> Shown:
        return self._simulated.truth()

    def _along(self, data: bytes) -> bytes:
        for change in self._changes:
            if data:
                data = change(data)
        return data
