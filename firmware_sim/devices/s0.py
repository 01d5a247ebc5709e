"""The pulse output of a meter at a pin, as the kernel tells of its edges.

Spec: IEC 62053-31, 4.1.3 and annex B (a contact that closes for 30 ms or more); Linux
include/uapi/linux/gpio.h, struct gpio_v2_line_event: 48 bytes an edge, little-endian here: stamp in
nanoseconds, 1 rising or 2 falling, pin, number within the request, number of the pin, 24 zeros.
"""

from random import Random
from typing import NamedTuple

from firmware_sim.device import Shown, Simulator, Source

PIN = 17
MS = 1_000_000  # nanoseconds
RISING, FALLING = 1, 2
PULSE_MS = 40
LONG_PULSE_MS = 500
# A relay's contact chatters for a moment when it closes and when it opens.
CHATTER_NS = (300_000, 800_000)
SPIKE_NS = 3 * MS  # from a light switched nearby
# A program that comes late finds the oldest of its edges gone: so many at most, so often.
LOST_MAX = 5
PULSES_PER_LOSS = 4


class Make(NamedTuple):
    """A contact as it is wired. `register` is what its meter counts."""

    register: str = "1-0:1.8.0"
    pulse_ms: int = PULSE_MS
    bounces: bool = False
    loses: bool = False


MAKES = {
    "clean": Make(),
    "bouncing relay": Make(bounces=True),
    "lost edges": Make(loses=True),
    "pulses of 500 ms": Make(pulse_ms=LONG_PULSE_MS),
    "production meter": Make("1-0:2.8.0"),
    "water meter": Make("8-0:1.0.0"),
}
_ELECTRIC = {"pulses_per_kwh": "1000", "rated_w": "3680"}
_NEEDS = {
    "production meter": {"register": "1-0:2.8.0", **_ELECTRIC},
    "water meter": {"register": "8-0:1.0.0", "pulses_per_m3": "1000", "rated_l_per_h": "2500"},
}


def event(stamp_ns: int, kind: int, number: int) -> bytes:
    """One edge, as it is read from a request for one pin."""
    numbers = b"".join(part.to_bytes(4, "little") for part in (kind, PIN, number, number))
    return stamp_ns.to_bytes(8, "little") + numbers + bytes(24)


class Contact:
    """Closes once for each step of the source's count. Stamps run with the time passed in."""

    def __init__(self, make: Make, source: Source, seed: int, now_ms: int) -> None:
        self._make = make
        self._source = source
        self._chance = Random(seed)  # noqa: S311 - a play, no secret
        self._from_ms = now_ms
        self._shown = int(source(now_ms)[make.register])
        self._free_ns = now_ms * MS  # when the contact may close again
        self._due: list[tuple[int, int]] = []  # stamp and kind of edges to come
        self._number = 0
        self._closed_ns = 0
        self._ended = 0  # pulses, whether their edges were told or not
        self._told: int | None = None  # of them, at the last edge that was told
        self._losing = 0  # edges to be lost now

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """A pin does not listen."""
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        """The edges up to now."""
        shown = int(self._source(now_ms)[self._make.register])
        pulses = max(0, shown - self._shown)
        if pulses:
            self._begin(pulses, (now_ms - self._from_ms) * MS)
            self._shown = shown
        self._from_ms = now_ms
        said = b""
        while self._due and self._due[0][0] <= now_ms * MS:
            said += self._edge(*self._due.pop(0))
        return said

    def _begin(self, pulses: int, span_ns: int) -> None:
        """Spread pulses over the time since the last look; where they crowd they are shorter."""
        way_ns = span_ns // pulses
        length_ns = self._make.pulse_ms * MS
        if pulses > 1:
            length_ns = min(length_ns, way_ns // 2)
        for n in range(pulses):
            begun_ns = max(self._free_ns, self._from_ms * MS + n * way_ns)
            ended_ns = begun_ns + length_ns
            self._free_ns = ended_ns + length_ns
            self._due += self._pulse(begun_ns, ended_ns)

    def _pulse(self, begun_ns: int, ended_ns: int) -> list[tuple[int, int]]:
        closes, opens = (begun_ns, FALLING), (ended_ns, RISING)
        if not self._make.bounces:
            return [closes, opens]
        spiked_ns = ended_ns + (ended_ns - begun_ns) // 2
        edges = [closes, *_chatter(begun_ns, RISING), opens, *_chatter(ended_ns, FALLING)]
        return [*edges, (spiked_ns, FALLING), (spiked_ns + SPIKE_NS, RISING)]

    def _edge(self, stamp_ns: int, kind: int) -> bytes:
        self._number += 1
        if kind == FALLING:
            self._closed_ns = stamp_ns
        elif stamp_ns - self._closed_ns > 2 * SPIKE_NS:
            self._ended += 1
            if self._make.loses and not self._chance.randrange(PULSES_PER_LOSS):
                self._losing = self._chance.randint(1, LOST_MAX)
                self._told = self._ended
                return event(stamp_ns, kind, self._number)
        if self._losing:
            self._losing -= 1
            return b""
        self._told = self._ended
        return event(stamp_ns, kind, self._number)

    def truth(self) -> Shown:
        """Pulses since the beginning, as far as the edges that were told reveal them."""
        return {} if self._told is None else {self._make.register: self._told}


def _chatter(since_ns: int, first: int) -> list[tuple[int, int]]:
    """The contact springs back once, and stays."""
    away_ns, back_ns = CHATTER_NS
    return [(since_ns + away_ns, first), (since_ns + back_ns, RISING + FALLING - first)]


def _house(seed: int) -> Source:
    """A house that draws 1.8 kW and more, a roof that gives 2.4 kW, and a tap that runs."""

    def shown(at_ms: int) -> Shown:
        since_ms = at_ms % 10_000_000_000
        return {
            "1-0:1.8.0": (1_800 + seed) * since_ms // 3_600_000,
            "1-0:2.8.0": (2_400 + seed) * since_ms // 3_600_000,
            "8-0:1.0.0": 900 * since_ms // 3_600_000,
        }

    return shown


SIMULATOR = Simulator(
    variants={name: _NEEDS.get(name, _ELECTRIC) for name in MAKES},
    begin=lambda variant, source, seed, at_ms: Contact(MAKES[variant], source, seed, at_ms),
    source=_house,
)
