"""A load cell behind an HX711, as conversions of its counts; a weight once it is calibrated.

Spec: Avia Semiconductor, HX711 data sheet (24 bits in two's complement, the clock high for at most
50 us, four conversions to settle after a reset). Conversions come as frames of
gateway/lines/loadcell.py.
"""

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Setting, SettingError, Step, whole
from drivers.wire import calibration, mass
from drivers.wire.calibration import Calibration
from drivers.wire.noise import Noise

# Mark, nanoseconds since the machine started, 24 bits as they came, gain, the longest that the
# clock was high in microseconds (0: the kernel saw to it), whether the chip was reset before.
FRAME = struct.Struct("<4sQIIHBx")
MARK = b"\xb1HX\x8e"
# No machine runs for 73 years, so the highest byte of a stamp is small.
_FRAME = re.compile(re.escape(MARK) + rb".{7}[\0-\x1f].{3}\0.{4}..[\0\1]\0", re.DOTALL)

CLOCK_US_MAX = 50  # the chip counts on less than 60, or it is switched off
SETTLING = 4  # conversions
SAMPLES, SAMPLES_MAX = 5, 99
GAP_NS_MAX = 1_000_000_000  # ten conversions of the slower rate
OVER, UNDER, ALL_ONES = 0x7FFFFF, 0x800000, 0xFFFFFF
ZERO_PART = 10  # the zero may be moved by so much of the mass that was used to calibrate
UNDER_PART = 50  # of the capacity, as far below nothing as a scale shows anything
DIVISION = "5 g"
DIVISION_MG_MAX = 10_000_000


class _How(NamedTuple):
    """The settings, read. `capacity_mg` is 0 where nobody said it."""

    calibration: Calibration | None
    samples: int
    division_mg: int
    capacity_mg: int
    serial: str


class Session:
    """Takes conversions in runs of `samples`, and tells the median of each run."""

    def __init__(self, how: _How) -> None:
        self._how = how
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._run = b""  # the frames of the run under way; ends at the offset
        self._counts: list[int] = []  # of it, those that have settled
        self._settling = SETTLING  # conversions to be let pass
        self._stamp = 0  # of the last frame
        self._zero = 0  # counts that the empty plate has gained
        self._steady: int | None = None  # counts of the last run, if it stood still

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = 0
        while found := _FRAME.search(buffer, start):
            at = found.start()
            if at > start:
                steps += self._skip(self._offset + start, at - start)
            start = found.end()
            steps += self._frame(found[0], self._offset + at)
        decided = len(buffer) - FRAME.size + 1  # no frame begins before this
        if decided > start:
            steps += self._skip(self._offset + start, decided - start)
            start = decided
        del buffer[:start]
        self._offset += start
        return steps

    def timeout(self) -> list[Step]:
        return self._noise.tell()

    def command(self, word: str) -> list[Step]:
        """`zero`: what lies there now is nothing, if it stands still and is little enough."""
        assert word == "zero", word
        how = self._how
        at = self._offset
        if how.calibration is None or self._steady is None:
            return [_fault("busy", at, b"", "no weight that stands still, so no zero either")]
        mass_mg = how.calibration.milligrams(self._steady)
        if ZERO_PART * abs(mass_mg) > how.calibration.mass_mg:
            return [_fault("logic", at, b"", f"{mass.kilograms(mass_mg)} is too much for a zero")]
        self._zero = self._steady - how.calibration.empty
        return []

    def _skip(self, offset: int, length: int) -> list[Step]:
        self._run, self._counts = b"", []
        return self._noise.skip(offset, length)

    def _frame(self, raw: bytes, at: int) -> list[Step]:
        _, stamp, bits, gain, clock_us, reset = FRAME.unpack(raw)
        steps = self._noise.tell()
        if reset or not 0 < stamp - self._stamp <= GAP_NS_MAX:
            self._run, self._counts = b"", []
        self._stamp = stamp
        if reset:
            self._settling = SETTLING
        at -= len(self._run)
        self._run += raw
        if refused := self._refused(bits, gain, clock_us):
            kind, what = refused
            if kind == "overrun":
                self._settling = SETTLING
            return [*steps, self._end(_fault(kind, at, self._run, what))]
        if self._settling:
            self._settling -= 1
            return steps
        self._counts.append(bits - (bits >> 23 << 24))
        if len(self._counts) < self._how.samples:
            return steps
        return [*steps, self._end(self._told(at))]

    def _end(self, message: Message) -> Message:
        self._run, self._counts = b"", []
        if not message.readings:
            self._steady = None
        return message

    def _refused(self, bits: int, gain: int, clock_us: int) -> tuple[str, str] | None:
        """Why a conversion is none: kind and detail of a fault."""
        known = self._how.calibration
        if clock_us > CLOCK_US_MAX:
            return "overrun", f"the clock was high for {clock_us} us, {CLOCK_US_MAX} are allowed"
        if bits == OVER:
            return "over", "the cell is bent further than the chip can measure"
        if bits == UNDER:
            return "under", "the cell is bent the wrong way, or a wire is loose"
        # What a clock that was too slow leaves behind: ones from some bit on.
        if bits == ALL_ONES or (bits and bits & bits + 1 == 0):
            return "pattern", f"{bits:#08x}: nothing but ones"
        if known and gain != known.gain:
            return "gain", f"{gain}, calibrated with {known.gain}"
        return None

    def _told(self, at: int) -> Message:
        how = self._how
        counts = sorted(self._counts)
        median = counts[len(counts) // 2]  # of an even number the upper of the two
        raw = Reading("raw", median, "count", None, how.serial, None, "unjudged")
        if how.calibration is None:
            self._steady = median
            return Message(at, self._run, (raw,))
        exact = [how.calibration.milligrams(one, zero=self._zero) for one in counts]
        is_steady = abs(exact[-1] - exact[0]) <= how.division_mg
        gross_mg = how.calibration.milligrams(median, zero=self._zero, division_mg=how.division_mg)
        if how.capacity_mg and gross_mg > how.capacity_mg:
            return _fault("over", at, self._run, f"more than {mass.kilograms(how.capacity_mg)}")
        if how.capacity_mg and gross_mg * UNDER_PART < -how.capacity_mg:
            return _fault("under", at, self._run, "less than nothing: is the plate in its place?")
        self._steady = median if is_steady else None
        doubt = "unjudged" if is_steady else "unstable"
        gross = Reading("gross", gross_mg, "mg", None, how.serial, None, doubt)
        return Message(at, self._run, (gross, raw._replace(doubt=doubt)))


def _fault(kind: str, offset: int, raw: bytes, what: str) -> Message:
    return Message(offset, raw, (), (Fault(kind, offset, len(raw), what),))


def _recognise(sample: bytes) -> bool:
    return _FRAME.search(sample) is not None


def _open(settings: Mapping[str, str]) -> Session:
    text = settings.get(calibration.SETTING, "")
    division_mg = _mass(settings, "division")
    if not 0 < division_mg <= DIVISION_MG_MAX:
        what = f"{settings.get('division')!r} is no division"
        raise SettingError("division", what, "more than 0 mg, at most 10 kg")
    return Session(
        _How(
            calibration.read(text) if text.strip() else None,
            whole(settings, "samples", 1, SAMPLES_MAX, SAMPLES),
            division_mg,
            _mass(settings, "capacity"),
            settings.get("serial", "").strip(),
        )
    )


def _mass(settings: Mapping[str, str], name: str) -> int:
    """Milligrams; 0 where it is left out and has no default."""
    text = settings.get(name, "").strip() or _DEFAULTS[name]
    value = mass.milligrams(text) if text else 0
    if value is None or value < 0:
        raise SettingError(name, f"{text[:40]!r} is no mass", 'a mass such as "5 g" or "60 kg"')
    return value


def _conversions(*counts: int) -> bytes:
    """A reset and conversions at 10 a second, for an example."""
    return b"".join(
        FRAME.pack(MARK, (90_000 + 100 * n) * 10**6, one % 2**24, 128, 21, not n)
        for n, one in enumerate((0, 40, 500, 6_000, *counts))
    )


CALIBRATED = Calibration("platform", "2026-11-25", 128, -83_215, 20_000_000, 1_716_785).text()


def _said(register: str, value: int, unit: str, doubt: str = "unjudged") -> Reading:
    return Reading(register, value, unit, None, "", None, doubt)


DEVICE = Device(
    name="hx711",
    title="Load cell behind an HX711",
    line=Line(9600),
    wiring=(
        "Cell: E+ E- A+ A- as its colours say, channel A. Chip: VCC to 3.3 V, never 5 V, for its "
        "data pin follows VCC; GND to ground; DT and SCK to two pins. Best the kernel reads it, "
        "with a device-tree overlay for avia,hx711 that names both pins: port = "
        '"iio:/sys/bus/iio/devices/iio:device0". Without one port = "hx711:5,6": BCM 5 is DT, '
        "BCM 6 is SCK."
    ),
    registers=(
        Register("gross", "mg", "all that lies on the plate, once it is calibrated"),
        Register("raw", "count", "counts of the chip, median of a run"),
    ),
    examples=(
        Example(
            "a cell that nobody calibrated yet, one conversion off",
            _conversions(-83_214, -83_220, -83_213, -12_000, -83_215),
            (_said("raw", -83_214, "count"),),
        ),
        Example(
            "the first weight after a reset, when four conversions are let pass",
            _conversions(225_030, 225_033, 225_029, 225_034, 225_028),
            (_said("gross", 3_425_000, "mg"), _said("raw", 225_030, "count")),
            {"calibration": CALIBRATED},
        ),
        Example(
            "a bag is put down",
            _conversions(-83_214, -83_216, 120_000, 260_000, 210_000),
            (
                _said("gross", 2_260_000, "mg", "unstable"),
                _said("raw", 120_000, "count", "unstable"),
            ),
            {"calibration": CALIBRATED},
        ),
    ),
    recognise=_recognise,
    open=_open,
    buffer_max=(SAMPLES_MAX + SETTLING) * FRAME.size,
    settings=(
        Setting(
            "calibration", "", "the file that `meterkast scale calibrate` writes", is_file=True
        ),
        Setting("samples", str(SAMPLES), "how many conversions the median is taken of"),
        Setting("division", DIVISION, "weights are told in steps of this"),
        Setting("capacity", "", "the most that the cells may carry: more is over"),
        Setting("serial", "", "a name for the scale; a cell cannot say any"),
    ),
    commands=("zero",),
    ports=("iio:/sys/bus/iio/devices/iio:device0", "hx711:5,6"),
    quirks=(
        "Not verified for trade, and never stable by its own word: kiosk.steady is clock.",
        "Without a calibration only counts are told, and no weight.",
        "Pins set by a program are slow now and then: faults overrun and pattern, four lost after.",
        "The kernel's own driver (port iio:) keeps the clock short; prefer it.",
        "A run is told with all its conversions, so that its median can be taken again.",
        "A zero that is set lasts until the gateway starts again.",
        "Cells creep and follow the warmth: set zero before the doors open, calibrate each season.",
    ),
)

_DEFAULTS = {setting.name: setting.default for setting in DEVICE.settings}
