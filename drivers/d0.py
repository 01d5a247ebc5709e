"""Meters with an optical head or a current loop (D0): read-out in modes A, B, C, push in mode D.

Spec: IEC 62056-21 (formerly IEC 61107), modes A to D; short codes of IEC 62056-61.
"""

from collections.abc import Mapping
from typing import NamedTuple

from drivers.reading import Fault, Message, Reading
from drivers.sdk import (
    Device,
    Example,
    Line,
    Register,
    Rest,
    Send,
    SetLine,
    Setting,
    SettingError,
    Step,
    Wait,
    whole,
)
from drivers.wire.readout import BUFFER_MAX, SPEEDS, Stream, with_parity

INTERVAL_S = 900
TIMEOUT_MS = 2_500
SIGN_ON = Line(300)  # every read-out begins at this speed
PUSH_BAUD = 2400  # mode D
TRIES = 2  # a meter that sleeps may be awake at the second request
# A poll that hears more than two of the longest read-outs hears noise.
POLL_BYTES_MAX = 2 * BUFFER_MAX
# At 300 baud 65 zero bytes take 2.2 s; then a meter wants 1.5 to 1.7 s of silence (annex B).
WAKE = bytes(65)
WAKE_S = 3.8
# Heat meters of Landis+Gyr listen right after 40 of them.
WAKE_DIRECT = bytes(40)
CHARACTER_S = 10 / 300
# What we sent has left by then; no meter answers sooner than 20 ms after it.
SWITCH_SLACK_S = 0.03
FASTEST = max(SPEEDS.values())

_OFF, _WAKING, _ASKED, _SWITCHING, _DATA = range(5)


class _How(NamedTuple):
    """The settings, read."""

    listens: bool
    baud: int  # of the push, or the highest that the head can do
    interval_s: float
    timeout_s: float
    request: bytes
    wake: str
    medium: str
    even: bool


class Session:
    """Asks for a read-out at every interval; in mode D it only listens."""

    def __init__(self, how: _How) -> None:
        self._how = how
        self._stream = Stream(how.medium)
        self._state = _OFF
        self._line = SIGN_ON  # the speed of the data that comes next
        self._tries = 0
        self._heard = 0  # bytes of this poll
        self._told = False  # whether this poll told a telegram, believed or not
        self._fed = 0

    def feed(self, chunk: bytes) -> list[Step]:
        self._fed += len(chunk)
        steps = self._stream.feed(chunk)
        if self._state in {_OFF, _WAKING} or not chunk:
            return steps
        self._heard += len(chunk)
        messages = [step for step in steps if isinstance(step, Message)]
        self._told = self._told or any(message.raw for message in messages)
        if any(message.readings for message in messages):
            return steps + self._rest()
        if self._state == _ASKED and (speed := self._stream.identified()):
            return steps + self._answer(speed)
        # While a change of speed is due its own pause runs on.
        if self._state != _SWITCHING and self._heard <= POLL_BYTES_MAX:
            steps.append(Wait(self._how.timeout_s))
        return steps

    def timeout(self) -> list[Step]:
        """Begin a poll, go on after a pause, or ask once more what was not answered."""
        if self._state == _SWITCHING:
            self._state = _DATA
            return [SetLine(self._line), Wait(self._how.timeout_s)]
        steps = self._stream.silence()
        if self._how.listens:
            return [*steps, SetLine(Line(self._how.baud))]
        if self._state == _WAKING:
            return steps + self._ask()
        if self._state == _OFF:
            self._tries = self._heard = 0
            self._told = False
        elif self._tries >= TRIES:
            if not self._told and not any(isinstance(step, Message) for step in steps):
                what = f"no answer to {TRIES} requests"
                fault = Fault("silent", self._fed, 0, what)
                steps.append(Message(self._fed, b"", (), (fault,)))
            return steps + self._rest()
        return steps + self._begin()

    def _begin(self) -> list[Step]:
        if self._how.wake != "yes":
            return [SetLine(SIGN_ON), *self._ask()]
        self._state = _WAKING
        return [SetLine(SIGN_ON), Send(WAKE), Wait(WAKE_S)]

    def _ask(self) -> list[Step]:
        self._state = _ASKED
        self._tries += 1
        request = self._how.request
        if self._how.wake == "direct":
            request = WAKE_DIRECT + request
        return [self._send(request), Wait(len(request) * CHARACTER_S + self._how.timeout_s)]

    def _answer(self, speed: str) -> list[Step]:
        """What follows the identification: mode A goes on, B changes speed, C is told to."""
        self._line = Line(SPEEDS.get(speed, SIGN_ON.baud))
        if not speed.isdecimal() or speed not in SPEEDS:
            self._state = _DATA
            return [SetLine(self._line), Wait(self._how.timeout_s)]
        if self._line.baud > self._how.baud:
            speed, self._line = "0", SIGN_ON  # nothing but this may be chosen instead
        self._state = _SWITCHING
        select = b"\x060%b0\r\n" % speed.encode()
        return [self._send(select), Wait(len(select) * CHARACTER_S + SWITCH_SLACK_S)]

    def _rest(self) -> list[Step]:
        self._state = _OFF
        return [SetLine(SIGN_ON), Rest(self._how.interval_s)]

    def _send(self, data: bytes) -> Send:
        return Send(with_parity(data) if self._how.even else data)


def _recognise(sample: bytes) -> bool:
    """Whether a whole read-out is in the sample.

    A push without block check whose codes are all written in full is a telegram that P1 ports
    speak as well, and is theirs.
    """
    stream = Stream("1")
    for step in stream.feed(sample):
        if not isinstance(step, Message) or not step.readings:
            continue
        if not step.readings[0].doubt or not _in_full(step.raw):
            return True
    return False


def _in_full(raw: bytes) -> bool:
    lines = bytes(byte & 0x7F for byte in raw).split(b"\r\n")[1:]
    return all(b":" in line.partition(b"(")[0] for line in lines if line.find(b"(") > 0)


def _choice(settings: Mapping[str, str], name: str, *allowed: str) -> str:
    text = settings.get(name, _DEFAULTS[name])
    if text not in allowed:
        raise SettingError(name, f"there is no {text!r}", f"allowed are {', '.join(allowed)}")
    return text


def _open(settings: Mapping[str, str]) -> Session:
    listens = _choice(settings, "mode", "poll", "d") == "d"
    baud = PUSH_BAUD if listens else FASTEST
    baud = whole(settings, "speed", SIGN_ON.baud, 115200, baud)
    wake = _choice(settings, "wake", "no", "yes", "direct")
    if wake != "no" and not settings.get("interval"):
        what = "a meter that must be woken lives on a battery, which every read-out shortens"
        raise SettingError("interval", what, "say how often: 86400 is once a day")
    address = settings.get("address", "")
    if len(address) > 32 or not all(part.isalnum() and part.isascii() for part in address.split()):
        what = f"{address[:40]!r} is no address"
        raise SettingError("address", what, "allowed are up to 32 letters, digits and blanks")
    return Session(
        _How(
            listens=listens,
            baud=baud,
            interval_s=whole(settings, "interval", 1, 86400, INTERVAL_S),
            timeout_s=whole(settings, "timeout_ms", 500, 60000, TIMEOUT_MS) / 1000,
            request=b"/?%b!\r\n" % address.encode("ascii"),
            wake=wake,
            medium=_choice(settings, "medium", "1", "5", "6", "7", "8", "9"),
            even=_choice(settings, "frame", "7E1", "8N1") == "7E1",
        )
    )


SETTINGS = (
    Setting("mode", "poll", "poll asks for a read-out (modes A, B, C); d listens to a push"),
    Setting("interval", str(INTERVAL_S), "seconds between two read-outs"),
    Setting(
        "timeout_ms", str(TIMEOUT_MS), "how long the meter may be silent before it is asked again"
    ),
    Setting("speed", "", "mode d: the speed (2400); else the highest that the head can do (19200)"),
    Setting("address", "", "device address, where several meters share a line"),
    Setting(
        "wake",
        "no",
        "yes wakes a meter on battery by zero bytes, direct without a pause; say an interval then",
    ),
    Setting("medium", "1", "1 electricity, 5 cold, 6 heat, 7 gas, 8 water, 9 hot water"),
    Setting("frame", "7E1", "8N1 for a meter that expects no parity of us"),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def _lines(*lines: str) -> bytes:
    return "\r\n".join((*lines, "")).encode("ascii")


def _read(serial: str, doubt: str, *rows: tuple[str, int | str, str]) -> tuple[Reading, ...]:
    return tuple(Reading(*row, None, serial, None, doubt) for row in rows)


_MODE_C = Example(
    "mode C at 4800 baud with request and selection heard, even parity, block check",
    with_parity(
        _lines(
            "/?!",
            "/MKT4OPTIC-3",
            "\x06040",
            "\x02F.F(00)",
            "0.0.0(20730041)",
            "C.1.0(MK20730041)",
            "0.9.1(12:30:05)",
            "1.8.0(012345.678*kWh)",
            "1.8.0*01(012001.000*kWh)",
            "1-0:2.8.0*255(000042.000*kWh)",
            "3.8.0(00017.25*kvarh)",
            "1.6.1(04.329*kW)(26-01-09,17:15)",
            "1.7.0(00.351*kW)",
            "32.7.0(231.4*V)",
            "C.7.0(0003)",
            "!",
        )
        + b"\x03\x5c"
    ),
    _read(
        "MK20730041",
        "",
        ("0-0:97.97.0", "00", ""),
        ("1-0:0.0.0", "20730041", ""),
        ("0-0:96.1.0", "MK20730041", ""),
        ("1-0:0.9.1", "12:30:05", ""),
        ("1-0:1.8.0", 12345678000, "mWh"),
        ("1-0:1.8.0*1", 12001000000, "mWh"),
        ("1-0:2.8.0", 42000000, "mWh"),
        ("1-0:3.8.0", 17250000, "mvarh"),
        ("1-0:1.6.1", 4329000, "mW"),
        ("1-0:1.7.0", 351000, "mW"),
        ("1-0:32.7.0", 231400, "mV"),
        ("0-0:96.7.0", 3, "count"),
    ),
)
_HEAT = Example(
    "heat meter, mode B at 2400 baud, several data sets on a line",
    with_parity(
        _lines(
            "/MKTCHEAT5",
            "\x026.8(00123.456*MWh)6.26(04142.48*m3)9.21(66400017)",
            "6.26*01(03957.55*m3)6.8*01(00119.250*MWh)",
            "F(0)6.35(60*m)",
            "6.6(0016.2*kW)6.33(001.608*m3ph)9.4(094.4*C&092.9*C)",
            "!",
        )
        + b"\x03\x6c"
    ),
    _read(
        "66400017",
        "",
        ("6-0:1.0.0", 123456000000, "mWh"),
        ("6-0:2.0.0", 4142480000, "mL"),
        ("6-0:0.0.0", "66400017", ""),
        ("6-0:2.0.0*1", 3957550000, "mL"),
        ("6-0:1.0.0*1", 119250000000, "mWh"),
        ("0-0:97.97.0", "0", ""),
        ("6.35", "60 m", ""),
        ("6.6", 16200000, "mW"),
        ("6.33", "001.608 m3ph", ""),
        ("9.4", "094.4*C&092.9*C", ""),
    ),
)
_PUSH = Example(
    "mode D, parity taken off by the adapter, no block check",
    _lines(
        "/MKT3PUSH-1",
        "",
        "C.1.0(20730099)",
        "1.8.0(000777.125)",
        "2.8.0(000001.5*kWh)",
        "!",
    ),
    _read(
        "20730099",
        "unchecked",
        ("0-0:96.1.0", "20730099", ""),
        ("1-0:1.8.0", 777125000, "mWh"),
        ("1-0:2.8.0", 1500000, "mWh"),
    ),
)

DEVICE = Device(
    name="d0",
    title="Meter with an optical head, IEC 62056-21 (D0; formerly IEC 61107)",
    line=SIGN_ON,
    wiring=(
        "Optical head with USB on the meter's round metal plate, its cable downwards (at some "
        "heat meters upwards); or 20 mA current loop through a converter. The head must pass "
        "300 baud. Leave the line at 8N1: parity is checked here."
    ),
    registers=(
        Register("1-0:1.8.0", "mWh", "energy imported (tariffs 1.8.1, 1.8.2; older ones *1, *2)"),
        Register("1-0:2.8.0", "mWh", "energy exported"),
        Register("1-0:3.8.0", "mvarh", "reactive energy imported (4.8.0 exported)"),
        Register("1-0:1.7.0", "mW", "power imported"),
        Register("1-0:1.6.1", "mW", "highest power of the month; its time is not told"),
        Register("1-0:0.0.0", "", "number of the meter at its utility"),
        Register("0-0:96.1.0", "", "serial number of the maker"),
        Register("0-0:97.97.0", "", "errors (F.F)"),
        Register("6-0:1.0.0", "mWh", "heat (6.8), in mJ where the meter counts GJ"),
        Register("6-0:2.0.0", "mL", "volume of the heating water (6.26)"),
        Register("6-0:0.0.0", "", "serial number of a heat meter (9.21)"),
    ),
    examples=(_MODE_C, _HEAT, _PUSH),
    recognise=_recognise,
    open=_open,
    polled=True,
    unasked={"mode": "d"},
    checksum_bits=7,
    buffer_max=BUFFER_MAX,
    settings=SETTINGS,
    quirks=(
        "Read-outs shorten the life of a battery: once a day is enough for heat.",
        'Landis+Gyr T550 sleeps: wake = "direct", interval = 86400.',
        "Mode D and some meters of mode A send no block check: 'unchecked'.",
        "Parity that reaches us is checked byte by byte; an adapter may also take it off.",
        "Some heads cannot do 9600 baud: speed = 300 stays there. Mode B gives no choice.",
        "A number without a unit is taken in the thousandfold unit of its register, as kWh.",
        "The meter's clock is kept as text, for makers write dates in every order.",
        "Codes of heat meters that are not known keep the name they are written with.",
        "A push with all its codes in full (Q3D) is read by p1 as well.",
    ),
)
