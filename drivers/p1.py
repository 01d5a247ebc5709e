"""The P1 port of smart meters: telegrams of every dialect, told apart by what they say.

Spec: DSMR P1 companion 2.2, 3.0, 4.2.2 and 5.0.2; e-MUCS-P1 1.7.1 and 2.1.1; the P1 and H1 notes
of Sweden, Hungary and Austria; Luxmetering E-Meter P1 1.1.3 for telegrams in a cipher.
Reference: drivers/wire/telegrams.py finds the telegrams, drivers/wire/iec62056.py reads their
lines, drivers/wire/gcm.py opens the cipher.
"""

import re
from collections.abc import Callable, Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Setting, SettingError, Step
from drivers.wire import crc, gcm, telegrams

SEALED_MAX = 12 * 1024  # a telegram of 8 kB, as Luxembourg allows, with room to spare
_START = gcm.START
SEALED_MIN = 160  # no meter's telegram is shorter

# The head of a telegram in a cipher, up to the counter: title, length, security control.
_HEAD = re.compile(rb"\xdb\x08.{8}(?:\x82..|\x81.)[\x20\x21\x30\x31]", re.DOTALL)
_HEAD_BYTES = 14  # at most
# What may be the first bytes of the next telegram, taken for the last ones of a shortened one.
_NEXT = re.compile(rb"(?:\xdb(?:\x08.{0,8})?|/[ -~]{0,15})\Z", re.DOTALL)
_NEXT_MAX = 16


class Session:
    """Telegrams out of a stream in which those in a cipher stand among plain ones."""

    def __init__(self, arc: Callable[[bytes], int] = crc.arc, lock: gcm.Lock | None = None) -> None:
        """`arc` computes CRC-16/ARC; `lock` has the keys, if there are any."""
        self._arc = arc
        self._lock = lock
        self._plain = telegrams.Telegrams(arc)
        self._held = bytearray()  # begins where a sealed telegram may begin, or is empty
        self._looked = 0  # how much of it was looked through for another beginning

    def feed(self, chunk: bytes) -> list[Step]:
        if _START not in chunk and not self._held:
            return self._plain.feed(chunk)
        self._held += chunk
        return self._sort(silent=False)

    def timeout(self) -> list[Step]:
        """After a silence nothing more of a telegram comes: tell what stands, drop the rest."""
        return [*self._sort(silent=True), *self._plain.timeout()]

    def _sort(self, *, silent: bool) -> list[Step]:
        """Open sealed telegrams, and hand on what stands before, between and behind them."""
        held = self._held
        steps: list[Step] = []
        told = 0  # what lies before this place is told already
        at = self._head(0, silent=silent)
        while at < len(held):
            end, again = self._end(at)
            if end > len(held) and not silent:
                break
            if at < end <= len(held):
                steps += self._plain.feed(bytes(held[told:at]))
                steps += self._plain.timeout()
                message = self._sealed(bytes(held[at:end]))
                steps.append(message)
                told = again = at + len(message.raw)
            at = self._head(again, silent=silent)
        steps += self._plain.feed(bytes(held[told:at]))
        del held[:at]
        self._looked = len(held)
        return steps

    def _head(self, start: int, *, silent: bool) -> int:
        """Where the next sealed telegram begins, or may begin; the end of what is held if none."""
        held = self._held
        head = _HEAD.search(held, start)
        if head:
            return head.start()
        tail = held.find(b"\xdb\x08", max(start, len(held) - _HEAD_BYTES + 1))
        if silent or (tail < 0 and not held.endswith(b"\xdb", start)):
            return len(held)
        return tail if tail >= 0 else len(held) - 1

    def _end(self, at: int) -> tuple[int, int]:
        """Where the sealed telegram at this place ends, and where to look on if there is none.

        The end lies beyond what is held while more must come to know; it is `at` for none.
        """
        held = self._held
        length = gcm.length(held, at, bytes_max=SEALED_MAX)
        if length < 0 or 0 < length < SEALED_MIN:
            return at, at + 1
        end = at + length if length else len(held) + 1
        # Where another one begins before this one ends, this one was cut off.
        looked = self._looked if at == 0 else at
        title = bytes(held[at : at + gcm.LENGTH_AT])
        other = held.find(title, max(at, looked - len(title)) + 1, end)
        if other < 0:
            other = telegrams.begin_in(held, max(at, looked - telegrams.BEGIN_MAX), end)
        return (end, at + 1) if other < 0 else (at, other)

    def _sealed(self, frame: bytes) -> Message:
        """What a whole sealed telegram says."""
        offset = self._plain.offset
        message = self._opened(frame, offset)
        if not message.readings and (begun := _NEXT.search(frame, len(frame) - _NEXT_MAX)):
            raw = frame[: begun.start()]
            ends = offset + len(raw)
            faults = (one._replace(length=ends - one.offset) for one in message.faults)
            message = Message(offset, raw, (), tuple(faults))
        self._plain.pass_over(len(message.raw))
        return message

    def _opened(self, frame: bytes, offset: int) -> Message:
        if self._lock is None:
            what = "in a cipher: the setting key is missing"
            return _refused("encrypted", offset, frame, what)
        sealed = gcm.take_apart(frame)
        opened = self._lock.open(sealed) if isinstance(sealed, gcm.Sealed) else sealed
        if isinstance(opened, gcm.Shut):
            return _refused(opened.kind, offset, frame, opened.detail)
        assert isinstance(sealed, gcm.Sealed)
        inner = offset + len(frame) - len(sealed.text) - len(sealed.tag)
        doubt = "" if opened.is_verified else "unverified"
        told = telegrams.inside(opened.text, inner, doubt, self._arc)
        if told is None:
            what = "opened, it is no telegram: another key, or not what the meter sent"
            return _refused("cipher", offset, frame, what)
        readings, faults = told
        if readings:
            self._lock.accept(sealed)
        return Message(offset, frame, tuple(readings), tuple(faults))


def _refused(kind: str, offset: int, frame: bytes, what: str) -> Message:
    return Message(offset, frame, (), (Fault(kind, offset, len(frame), what),))


def _recognise(sample: bytes) -> bool:
    """Whether a telegram begins in the sample: plain, seen with parity, or in a cipher."""
    return telegrams.begins(sample) or _HEAD.search(sample) is not None


def _open(settings: Mapping[str, str]) -> Session:
    key, auth_key = gcm.keys_of(settings)
    if key:
        return Session(lock=gcm.Lock(key, auth_key))
    if auth_key:
        raise SettingError("auth_key", "without a key it opens nothing", "give key as well")
    return Session()


def _lines(*lines: str) -> bytes:
    return "\r\n".join((*lines, "")).encode("latin-1")


_DUTCH = Example(
    "Netherlands, DSMR 5 with a gas meter",
    _lines(
        "/MKT5\\HALL-1",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260701120010S)",
        "0-0:96.1.1(4D4B3030303037)",
        "1-0:1.8.1(001234.567*kWh)",
        "1-0:2.8.2(000042.000*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:2.7.0(01.250*kW)",
        "0-0:96.7.21(00004)",
        "1-0:32.7.0(231.4*V)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(47415330303031)",
        "0-1:24.2.1(260701120000S)(00321.009*m3)",
        "!9BBC",
    ),
    (
        Reading("1-3:0.2.8", "50", "", 1782900010000, "MK00007"),
        Reading("0-0:1.0.0", "260701120010S", "", 1782900010000, "MK00007"),
        Reading("0-0:96.1.1", "MK00007", "", 1782900010000, "MK00007"),
        Reading("1-0:1.8.1", 1234567000, "mWh", 1782900010000, "MK00007"),
        Reading("1-0:2.8.2", 42000000, "mWh", 1782900010000, "MK00007"),
        Reading("0-0:96.14.0", "0002", "", 1782900010000, "MK00007"),
        Reading("1-0:2.7.0", 1250000, "mW", 1782900010000, "MK00007"),
        Reading("0-0:96.7.21", 4, "count", 1782900010000, "MK00007"),
        Reading("1-0:32.7.0", 231400, "mV", 1782900010000, "MK00007"),
        Reading("0-1:24.1.0", "003", "", 1782900010000, "GAS0001"),
        Reading("0-1:96.1.0", "GAS0001", "", 1782900010000, "GAS0001"),
        Reading("0-1:24.2.1", 321009000, "mL", 1782900000000, "GAS0001"),
    ),
)
_BELGIAN = Example(
    "Belgium, peaks of the month and of the last two",
    _lines(
        "/MKT5\\BE-1",
        "",
        "0-0:96.1.4(50221)",
        "0-0:1.0.0(260115083000W)",
        "1-0:1.4.0(02.351*kW)",
        "1-0:1.6.0(260109171500W)(04.329*kW)",
        "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(251201000000W)(251118180000W)(03.695*kW)"
        "(260101000000W)(251224173000W)(05.980*kW)",
        "!40E0",
    ),
    (
        Reading("0-0:96.1.4", "50221", "", 1768462200000),
        Reading("0-0:1.0.0", "260115083000W", "", 1768462200000),
        Reading("1-0:1.4.0", 2351000, "mW", 1768462200000),
        Reading("1-0:1.6.0", 4329000, "mW", 1767975300000),
        Reading("0-0:98.1.0", 3695000, "mW", 1763485200000, "", 1764543600000),
        Reading("0-0:98.1.0", 5980000, "mW", 1766593800000, "", 1767222000000),
    ),
)
_OLD = Example(
    "Netherlands, DSMR 2.2: no clock, no checksum, gas on two lines",
    _lines(
        "/MKT5\\OLD",
        "",
        "0-0:96.1.1(4D4B32)",
        "1-0:1.8.1(00420.001*kWh)",
        "1-0:1.7.0(0001.01*kW)",
        "0-1:96.1.0(473232)",
        "0-1:24.3.0(120615130000)(00)(60)(1)(0-1:24.2.1)(m3)",
        "(00077.500)",
        "!",
    ),
    (
        Reading("0-0:96.1.1", "MK2", "", None, "MK2", None, "unchecked"),
        Reading("1-0:1.8.1", 420001000, "mWh", None, "MK2", None, "unchecked"),
        Reading("1-0:1.7.0", 1010000, "mW", None, "MK2", None, "unchecked"),
        Reading("0-1:96.1.0", "G22", "", None, "G22", None, "unchecked"),
        Reading("0-1:24.2.1", 77500000, "mL", 1339758000000, "G22", None, "unchecked"),
    ),
)
# In a cipher with keys of our own: the tag vouches for one, nothing but its checksum for the other.
_KEY = "A7114B0C5D2E83F96071C4DD3218EE05"
_AUTH_KEY = "C05E1D7790AB3F24D86612FB4E09A3B1"
_AUSTRIAN = Example(
    "Austria, in a cipher with both keys known",
    bytes.fromhex(
        "db084d4b54677001bd548200b4300005a8e3f85eba3128128e55a840ff9a42797991f9196dd2a6b7c01a4bfb"
        "47b5c24003dad2345ddcfc33e75327b765faa6a4b413e818d3c202ac088dcc324cded8350c87c47d7f15bb7e"
        "3177795ae24bcc6db622dd6914d5979abb028dd7f23e87b09e09e22d1e0c45c657c1d43134a68309657b46ec"
        "c5e714bc0ff08cd132a0892f42993d79f4a9e29715882f797e205e5b8fd92106fa2087d66e2c1dcc292574da"
        "a1a987e398ce3a92388355754c632a5e29"
    ),
    (
        Reading("1-3:0.2.8", "50", "", 1782900010000),
        Reading("0-0:1.0.0", "260701120010S", "", 1782900010000),
        Reading("1-0:1.8.0", 6545766000, "mWh", 1782900010000),
        Reading("1-0:2.8.0", 58000, "mWh", 1782900010000),
        Reading("1-0:1.7.0", 286000, "mW", 1782900010000),
        Reading("1-0:4.8.1", 2692848000, "mvarh", 1782900010000),
    ),
    {"key": _KEY, "auth_key": _AUTH_KEY},
)
_LUXEMBOURGISH = Example(
    "Luxembourg, in a cipher whose tag nobody can check",
    bytes.fromhex(
        "db084d4b5467000000028200e430000000079a25817b5193464ab0d5f8493ee143f6eb344c0f3e647c243815"
        "d401d1f22232a504bf3ebcc3ff86e74f7660073a11730f9d47d95829a1fd7d8dfb3f3de9a44a726bf229314e"
        "2f6e085ceb8fb9fed42be060a8d19ae30f67115e0c0fd11db1b4574e4aca8c5c1c44c050de1e6e5d11fe28ba"
        "10df8fd70aa488a99d6d43e0db3571390113fe7d36713a11660ddf5dda902fbb143af014388578671068d25a"
        "dee66fa56f06dbe7641929ba86c69e590f733b94c234eb1c493dc79e6cd227e20bda8096144088806b3a3adf"
        "d3f3eb4ee76d3a5ea6ef79581bd99a32cd9aa951c9"
    ),
    tuple(
        Reading(register, value, unit, at_ms, serial, None, "unverified")
        for register, value, unit, at_ms, serial in (
            ("1-3:0.2.8", "42", "", 1768462200000, "MKT10307000001"),
            ("0-0:1.0.0", "260115083000W", "", 1768462200000, "MKT10307000001"),
            ("0-0:42.0.0", "MKT10307000001", "", 1768462200000, "MKT10307000001"),
            ("1-0:1.8.0", 25653000, "mWh", 1768462200000, "MKT10307000001"),
            ("1-0:3.7.0", 7000, "mvar", 1768462200000, "MKT10307000001"),
            ("0-0:17.0.0", 77376000, "mVA", 1768462200000, "MKT10307000001"),
            ("0-1:24.2.1", 28103000, "mL", None, ""),
        )
    ),
    {"key": _KEY},
)

DEVICE = Device(
    name="p1",
    title="Smart meter, P1 port (Netherlands, Belgium, Luxembourg, Sweden, Hungary, Austria …)",
    line=Line(115200),
    other_lines=(Line(9600, "7E1"),),
    wiring=(
        "RJ12: 1 +5 V out (at most 250 mA), 2 request (5 V to run, else open), 3 data ground, "
        "5 data out (open collector, inverted: pull up with 3 kohm), 6 power ground. A P1 cable "
        "with an FTDI chip does all of this. DSMR 2 and 3 speak 9600 7E1. Without a cable: a "
        "HomeWizard dongle with its Local API switched on, port http://HOST/api/v1/telegram."
    ),
    registers=(
        Register("0-0:1.0.0", "", "the meter's clock"),
        Register("0-0:96.1.1", "", "serial number (0-0:96.1.0 or 0-0:96.1.255 at some makers)"),
        Register("1-0:1.8.1", "mWh", "energy imported, tariff 1 (Netherlands low, Belgium day)"),
        Register(
            "1-0:1.8.2", "mWh", "energy imported, tariff 2 (Netherlands normal, Belgium night)"
        ),
        Register("1-0:2.8.1", "mWh", "energy exported, tariff 1"),
        Register("1-0:2.8.2", "mWh", "energy exported, tariff 2"),
        Register("1-0:1.8.0", "mWh", "energy imported, where it is not counted by tariff"),
        Register("1-0:2.8.0", "mWh", "energy exported, where it is not counted by tariff"),
        Register("0-0:96.14.0", "", "tariff now"),
        Register("1-0:1.7.0", "mW", "power imported"),
        Register("1-0:2.7.0", "mW", "power exported"),
        Register("1-0:21.7.0", "mW", "power imported, L1 (41 L2, 61 L3; exported 22, 42, 62)"),
        Register("1-0:32.7.0", "mV", "voltage, L1 (52 L2, 72 L3)"),
        Register("1-0:31.7.0", "mA", "current, L1 (51 L2, 71 L3)"),
        Register("1-0:3.8.0", "mvarh", "reactive energy imported (4.8.0 exported)"),
        Register("0-0:96.7.21", "count", "power failures (0-0:96.7.9 long ones)"),
        Register("1-0:99.97.0", "ms", "a long failure's duration, at its end"),
        Register("1-0:32.32.0", "count", "voltage sags, L1 (32.36.0 swells)"),
        Register("1-0:1.4.0", "mW", "Belgium: average power of the running quarter-hour"),
        Register("1-0:1.6.0", "mW", "Belgium: highest quarter-hour of this month, at its end"),
        Register("0-0:98.1.0", "mW", "Belgium: highest quarter-hours of the last 13 months"),
        Register("0-n:24.1.0", "", "kind of M-Bus meter n: 3 gas, 4 heat, 7 water"),
        Register("0-n:96.1.0", "", "serial number of M-Bus meter n (Belgium 0-n:96.1.1)"),
        Register("0-n:24.2.1", "mL", "volume (heat: mJ) of M-Bus meter n, at its own time"),
        Register("0-n:24.2.3", "mL", "Belgium: gas volume, not converted for temperature"),
        Register("0-0:96.13.0", "", "message of the grid operator"),
    ),
    examples=(_DUTCH, _BELGIAN, _OLD, _AUSTRIAN, _LUXEMBOURGISH),
    recognise=_recognise,
    open=_open,
    checksum_bits=16,
    buffer_max=telegrams.BUFFER_MAX + SEALED_MAX,
    settings=(
        Setting(
            "key", "", "for a meter in a cipher: its key, 32 hex digits from the grid operator"
        ),
        Setting(
            "auth_key",
            "",
            "its authentication key, 32 hex digits (34 that begin with 30: leave these two away); "
            "without it readings are 'unverified'",
        ),
    ),
    quirks=(
        "S or W after a stamp is believed over the calendar; Swedish meters send W all the year.",
        "DSMR 2 and 3 and Q3D send no checksum: their readings carry the doubt 'unchecked'.",
        "A 7E1 sender on an 8N1 line is read with its parity bit taken off.",
        "A gas meter may move to another channel; the dead one stays with a placeholder stamp.",
        "Q3D prints kWh with seven decimals: what is less than a milliwatt-hour is cut off.",
        "Hungary's month table 0-0:98.1.0 has no units of its own and is kept as text.",
        "A missing checksum is refused where the dialect has one and no telegram follows.",
        "A checksum over CRLF is believed as well where the CRs were taken off on the way.",
        "The authentication key in Luxembourg's specification fits no meter: leave it out.",
        "Without auth_key a telegram's own checksum is all that vouches for it: 'unverified'.",
        "A telegram in a cipher whose counter is not higher than the last one's is refused.",
        "Luxembourg's first meters print 3.7.0, 4.7.0 and 17.0.0 without kvar and kVA.",
        "Luxembourg's meters have no serial number: the logical device name 0-0:42.0.0 stands in.",
    ),
)
