"""Pulse outputs of meters (S0) and contacts like them: pulses counted, lost edges found by number.

Spec: IEC 62053-31, 4.1.3 (a pulse and a pause last 30 ms or more, bounce less than 5 ms). What is
read are the events of a pin: Linux include/uapi/linux/gpio.h, struct gpio_v2_line_event.
"""

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Rest, Setting, SettingError, Step, whole
from drivers.wire.noise import Noise

# Nanoseconds since the machine started, kind of edge, pin, and the number of the event: within the
# request and of the pin, which are the same where a request is for one pin.
EVENT = struct.Struct("<QIIII24x")
RISING, FALLING = 1, 2
# No machine runs for 73 years, so the highest byte of a stamp is small.
_EVENT = re.compile(rb".{7}[\0-\x1f][\x01\x02]\0\0\0..\0\0(?!\0\0\0\0)(.{4})\1\0{24}", re.DOTALL)

# A silent contact has a count all the same, and each quarter-hour wants it within a minute.
TELL_S = 30
TELL_S_MAX = 900
PULSE_MIN_MS = 20  # the norm says 30, and a stamp may be late
PULSE_MAX_MS = 5_000  # some outputs stay closed for 500 ms
PULSE_MS_MAX = 30_000
COUNT_MAX = 10**12
RATE_MAX = 10**7
# At 1 W a kilowatt-hour takes so long, at 1 l/h a cubic metre.
UNIT_NS = 3_600_000_000_000_000
# Pulses come in bursts, and a meter is overloaded for a moment: as dense as this is believed.
DENSER = 2
# After a longer pause nobody can tell when the power began that made the pulse.
POWER_NS_MAX = 900_000_000_000

_REGISTER = re.compile(r"\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}")
_ENERGY = re.compile(r"(1-\d{1,3}:[12])\.8\.\d{1,3}")


class _How(NamedTuple):
    """The settings, read. `longest_ns` is 0 where a pulse may last as long as it likes."""

    register: str
    power: str  # the register of the power, "" where none can be told
    serial: str
    pulses_per_kwh: int
    shortest_ns: int
    longest_ns: int
    gap_ns: int  # from the beginning of one pulse to that of the next
    tell_s: int  # the longest silence


class _Verdict(NamedTuple):
    """What an edge brought: pulses that count, and why others do not."""

    pulses: int = 0
    fault: str = ""
    what: str = ""


class _Contact:
    """Judges edges by their stamps and numbers.

    A pulse begins with the edge that closes the contact, and counts when it ends: it lasted long
    enough, not too long, and began no sooner after the one before than the meter's rating allows.

    A gap in the numbers proves that edges were lost. Edges alternate, so the kinds of the two on
    either side and the number of those missing say how many pulses ended meanwhile: with m edges
    missing, (m + 1) / 2 of them rounded down, and one more half if the contact was closed before.
    They count, though no more than the rating allows in that time, and only if the kinds fit the
    number and the pulse before was a good one: a contact that flickers is not believed unheard.
    """

    def __init__(self, how: _How) -> None:
        self._how = how
        self._stamp = self._number = self._kind = 0  # of the last edge
        self._counted_ns = 0  # the beginning of the last pulse that counted, or the first it may be
        self._is_heard = False  # whether it was heard
        self._is_good = True  # whether the last pulse heard counted
        self.closed_since: int | None = None  # the beginning of the pulse under way
        self.distance_ns = 0  # between the last two pulses, 0 where it is not known

    def edge(self, stamp: int, kind: int, number: int) -> _Verdict | None:
        """None where the edge decides nothing."""
        if self._stamp and stamp <= self._stamp:
            return _Verdict(0, "stale", f"edge {number} is no later than edge {self._number}")
        missed = number - self._number - 1
        verdict = None
        if not self._stamp:
            self._counted_ns = stamp - self._how.gap_ns
        elif missed < 0:
            verdict = _Verdict(0, "restart", f"edge {number} after edge {self._number}")
            self._is_heard, self.distance_ns = False, 0
        elif missed or kind == self._kind:
            verdict = self._lost(missed, stamp, kind)
        elif self.closed_since is not None and kind == RISING:
            verdict = self._judge(self.closed_since, stamp)
        if kind == RISING:
            self.closed_since = None
        elif self.closed_since is None or missed:
            self.closed_since = stamp
        self._stamp, self._kind, self._number = stamp, kind, number
        return verdict

    def _judge(self, begun: int, ended: int) -> _Verdict:
        how, length, gap = self._how, ended - begun, begun - self._counted_ns
        self._is_good = False
        if length < how.shortest_ns:
            return _Verdict(0, "bounce", f"closed for {length // 1000} us")
        if how.longest_ns and length > how.longest_ns:
            return _Verdict(0, "stuck", f"closed for {length // 1_000_000} ms")
        if gap < how.gap_ns:
            what = f"{gap // 1000} us after the last, {how.gap_ns // 1000} us is full load"
            return _Verdict(0, "too-soon", what)
        self.distance_ns = gap if self._is_heard else 0
        self._counted_ns, self._is_heard, self._is_good = begun, True, True
        return _Verdict(1)

    def _lost(self, missed: int, stamp: int, kind: int) -> _Verdict:
        was_closed = self._kind == FALLING
        fits = (kind != self._kind) == (missed % 2 == 0)
        ended = (missed + 1 + was_closed) // 2
        if was_closed and self.closed_since is None:
            ended -= 1  # the first of them was refused already
        room = (stamp - self._counted_ns) // self._how.gap_ns
        pulses = min(ended, room) if fits and self._is_good else 0
        if pulses:
            self._counted_ns += pulses * self._how.gap_ns
        self._is_heard, self.distance_ns = False, 0
        if not missed:
            return _Verdict(0, "lost-edges", "two edges of a kind, and none lost by their numbers")
        what = f"{missed} edges lost, {pulses} of {ended} pulses counted by their numbers"
        return _Verdict(pulses, "lost-edges", what)


class Session:
    """Counts on from the setting `count`; tells the count with each pulse, and at rests."""

    def __init__(self, how: _How, count: int) -> None:
        self._how = how
        self._count = count
        self._contact = _Contact(how)
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._held = b""  # the edge that began the pulse under way; ends at the offset
        self._power_mw: int | None = None
        self._is_told = False  # the count, since the last rest
        self._rests = 0  # since the last pulse
        self._closed_rests = 0  # that found the contact closed

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        count = self._count
        start = 0
        while found := _EVENT.search(buffer, start):
            at = found.start()
            if at > start:
                steps += self._skip(self._offset + start, at - start)
            start = at + EVENT.size
            steps += self._event(bytes(buffer[at:start]), self._offset + at)
        decided = len(buffer) - EVENT.size + 1  # no event begins before this
        if decided > start:
            steps += self._skip(self._offset + start, decided - start)
            start = decided
        del buffer[:start]
        self._offset += start
        if self._count != count:
            self._is_told, self._rests = True, 0
            steps.append(Rest(self._how.tell_s))
        return steps

    def timeout(self) -> list[Step]:
        """Nothing was counted for a while: tell where the count stands."""
        steps = self._noise.tell()
        tell_s = self._how.tell_s
        self._rests += 1
        if self._power_mw is not None:  # or the next pulse would have come
            self._power_mw = min(self._power_mw, self._power(self._rests * tell_s * 10**9))
        faults = self._stuck()
        if faults or not self._is_told:
            at = self._offset - len(self._held)
            steps.append(Message(at, self._held, self._readings(), faults))
            self._held = b""
        self._is_told = False
        return [*steps, Rest(tell_s)]

    def _stuck(self) -> tuple[Fault, ...]:
        """A fault, once, where the contact was closed from one rest to another and for too long."""
        contact = self._contact
        if contact.closed_since is None or not self._how.longest_ns:
            return ()
        self._closed_rests += 1
        closed_ns = (self._closed_rests - 1) * self._how.tell_s * 10**9  # at least
        if not closed_ns or closed_ns < self._how.longest_ns:
            return ()
        contact.closed_since = None
        return (Fault("stuck", self._offset, 0, f"closed for {closed_ns // 10**9} s and more"),)

    def _skip(self, offset: int, length: int) -> list[Step]:
        self._held = b""
        return self._noise.skip(offset, length)

    def _event(self, raw: bytes, at: int) -> list[Step]:
        stamp, kind, _, _, number = EVENT.unpack(raw)
        steps = self._noise.tell()
        self._closed_rests = 0
        verdict = self._contact.edge(stamp, kind, number)
        if verdict is None:
            self._held = raw if kind == FALLING else b""
            return steps
        raw, at = self._held + raw, at - len(self._held)
        self._held = b""
        faults: tuple[Fault, ...] = ()
        if verdict.fault:
            faults = (Fault(verdict.fault, at, len(raw), verdict.what),)
        if not verdict.pulses:
            return [*steps, Message(at, raw, (), faults)]
        self._count += verdict.pulses
        distance_ns = self._contact.distance_ns
        is_known = self._how.power and 0 < distance_ns <= POWER_NS_MAX
        self._power_mw = self._power(distance_ns) if is_known else None
        return [*steps, Message(at, raw, self._readings(), faults)]

    def _power(self, distance_ns: int) -> int:
        """Milliwatts that make a pulse in this time, rounded down."""
        return 1000 * UNIT_NS // (self._how.pulses_per_kwh * distance_ns)

    def _readings(self) -> tuple[Reading, ...]:
        how = self._how
        count = Reading(how.register, self._count, "pulse", None, how.serial, None, "unchecked")
        if self._power_mw is None:
            return (count,)
        power = Reading(how.power, self._power_mw, "mW", None, how.serial, None, "unchecked")
        return (count, power)


def _recognise(sample: bytes) -> bool:
    """Whether a pulse is in the sample: two events that follow each other."""
    last: tuple[int, ...] = ()
    at = 0
    while found := _EVENT.search(sample, at):
        at = found.end()
        event = EVENT.unpack(found[0])
        if last and event[0] > last[0] and event[1] != last[1] and event[4] == last[4] + 1:
            return True
        last = event
    return False


def _open(settings: Mapping[str, str]) -> Session:
    register = settings.get("register", "").strip() or _DEFAULTS["register"]
    if not _REGISTER.fullmatch(register):
        what = f"{register[:40]!r} is no register"
        raise SettingError("register", what, "an OBIS code, such as 1-0:1.8.0 or 8-0:1.0.0")
    per_kwh = _whole(settings, "pulses_per_kwh", 1, RATE_MAX)
    per_m3 = _whole(settings, "pulses_per_m3", 1, RATE_MAX)
    if per_kwh and per_m3:
        raise SettingError("pulses_per_m3", "a pulse is energy or volume", "give one of the two")
    shortest_ns = _whole(settings, "pulse_min_ms", 1, PULSE_MS_MAX) * 10**6
    longest_ns = _whole(settings, "pulse_max_ms", 0, PULSE_MS_MAX) * 10**6
    if longest_ns and longest_ns <= shortest_ns:
        what = "the longest pulse is shorter than the shortest"
        raise SettingError("pulse_max_ms", what, f"more than {shortest_ns // 10**6}, or 0")
    rated_ns = max(
        _rated_ns(settings, "rated_w", "pulses_per_kwh", per_kwh),
        _rated_ns(settings, "rated_l_per_h", "pulses_per_m3", per_m3),
    )
    if 0 < rated_ns < 2 * shortest_ns:
        what = f"at full load there are {rated_ns // 1000} us for a pulse and a pause"
        raise SettingError("pulse_min_ms", what, "less than half of that")
    energy = _ENERGY.fullmatch(register)
    return Session(
        _How(
            register=register,
            power=f"{energy[1]}.7.0" if energy and per_kwh else "",
            serial=settings.get("serial", "").strip(),
            pulses_per_kwh=per_kwh,
            shortest_ns=shortest_ns,
            longest_ns=longest_ns,
            gap_ns=max(2 * shortest_ns, rated_ns // DENSER),
            tell_s=_whole(settings, "interval", 1, TELL_S_MAX),
        ),
        _whole(settings, "count", 0, COUNT_MAX),
    )


def _rated_ns(settings: Mapping[str, str], rated: str, per_unit: str, pulses: int) -> int:
    """From pulse to pulse at full load, rounded down; 0 where no rating is given."""
    rate = _whole(settings, rated, 1, RATE_MAX)
    if rate and not pulses:
        raise SettingError(rated, f"it says nothing without {per_unit}", f"give {per_unit} as well")
    return UNIT_NS // (rate * pulses) if rate else 0


def _whole(settings: Mapping[str, str], name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`; 0 where the setting is left out and has no default."""
    usual = _DEFAULTS[name]
    if not usual and not settings.get(name, "").strip():
        return 0
    return whole(settings, name, low, high, int(usual or low))


def _edges(*moments_ms: int) -> bytes:
    """Edges of pin 17 for an example, the first one closing the contact."""
    return b"".join(
        EVENT.pack(moment * 10**6, FALLING if n % 2 else RISING, 17, n, n)
        for n, moment in enumerate(moments_ms, 1)
    )


def _counted(register: str, pulses: int) -> Reading:
    return Reading(register, pulses, "pulse", None, "", None, "unchecked")


DEVICE = Device(
    name="s0",
    title="Pulse output (S0) or reed contact at a pin",
    line=Line(9600),
    wiring=(
        'S0+ to a pin, S0- to ground; port = "gpio:17" is BCM 17, header pin 11. The pin\'s own '
        "pull-up does for a short cable; else 1 kOhm from 3.3 V to the pin. Never more than 3.3 V. "
        "Keep the cable away from mains; a shielded one is grounded at the Pi."
    ),
    registers=(
        Register("1-0:1.8.0", "pulse", "pulses counted, under the register that is set"),
        Register("1-0:1.7.0", "mW", "power by the time between pulses, for display; or 1-0:2.7.0"),
    ),
    examples=(
        Example(
            "two pulses of 40 ms",
            _edges(7_260_000, 7_260_040, 7_262_000, 7_262_041),
            (_counted("1-0:1.8.0", 1), _counted("1-0:1.8.0", 2)),
        ),
        Example(
            "a production meter with 1000 pulses per kWh gives 1440 W",
            _edges(9_000_000, 9_000_090, 9_002_500, 9_002_590),
            (
                _counted("1-0:2.8.0", 41_508),
                _counted("1-0:2.8.0", 41_509),
                Reading("1-0:2.7.0", 1_440_000, "mW", None, "", None, "unchecked"),
            ),
            {
                "register": "1-0:2.8.0",
                "pulses_per_kwh": "1000",
                "rated_w": "3680",
                "count": "41507",
            },
        ),
    ),
    recognise=_recognise,
    open=_open,
    counts=True,
    buffer_max=2 * EVENT.size,
    settings=(
        Setting(
            "register", "1-0:1.8.0", "1-0:2.8.0 for production, 8-0:1.0.0 water, 7-0:3.0.0 gas"
        ),
        Setting("pulses_per_kwh", "", "as on the meter; needed for the power and with rated_w"),
        Setting("rated_w", "", "the most that the meter can carry in watts: no pulse comes sooner"),
        Setting("pulses_per_m3", "", "as on a water or gas meter"),
        Setting("rated_l_per_h", "", "its largest flow in litres an hour"),
        Setting("pulse_min_ms", str(PULSE_MIN_MS), "a shorter pulse is a spike"),
        Setting(
            "pulse_max_ms",
            str(PULSE_MAX_MS),
            "a longer pulse is a stuck contact; 0 for a reed contact",
        ),
        Setting("interval", str(TELL_S), "seconds until a silent contact tells its count as well"),
        Setting("count", "0", "where to begin; later the gateway goes on from the count it kept"),
        Setting("serial", "", "the meter's serial number; a contact cannot say it"),
    ),
    quirks=(
        "Pulses stay pulses: what one is worth is said in the ledger, where the meter is fitted.",
        "Half the distance at full load is still believed: pulses come in bursts.",
        "With gpiod the kernel numbers the edges: lost ones are seen, and counted where surely so.",
        "Through gpiozero edges that are lost before they are numbered leave no trace.",
        "What the meter gives while the gateway is off is not counted.",
        "A reed contact of a water or gas meter may rest closed for hours: set pulse_max_ms = 0.",
        "The first pulse after a quarter-hour of silence tells no power.",
        "After a power cut up to 10 s of pulses are missing, and none is counted twice.",
    ),
)

_DEFAULTS = {setting.name: setting.default for setting in DEVICE.settings}
