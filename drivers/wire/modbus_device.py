"""What the drivers of Modbus devices have in common: settings, opening, recognising, registers."""

from collections.abc import Callable, Mapping

from drivers.reading import Message
from drivers.sdk import Register, Setting, SettingError, whole
from drivers.wire.modbus import RTU, TCP, Framing
from drivers.wire.modbus_master import Book, Session, Timing
from drivers.wire.registermap import SERIAL, UNITS, Map

INTERVAL_S = 10
INTERVAL_S_MAX = 86_400
TIMEOUT_MS = 1_000  # meters answer within 200 ms; a gateway or a radio needs more
TIMEOUT_MS_MAX = 60_000
# 3.5 characters (serial line 1.02, §2.5.1.1) are 16 ms at 2400 baud, and meters want more.
PAUSE_MS = 30
PAUSE_MS_MAX = 10_000
ADDRESS = 1
ADDRESS_MAX = 247
_FRAMINGS = {"rtu": RTU, "tcp": TCP}

SETTINGS = (
    Setting("address", str(ADDRESS), "1 to 247, as set at the meter; with tcp also 0 and 255"),
    Setting("protocol", "rtu", "rtu on a wire and through ser2net; tcp at port 502 of a device"),
    Setting("interval", str(INTERVAL_S), "seconds between two rounds of questions"),
    Setting("timeout_ms", str(TIMEOUT_MS), "milliseconds until a question is repeated"),
    Setting("pause_ms", str(PAUSE_MS), "milliseconds of silence between two frames"),
)

QUIRKS = (
    'A Modbus TCP device at tcp://HOST:502 wants protocol = "tcp"; ser2net passes on rtu.',
    "Modbus TCP has no check of its own: those readings carry the doubt unchecked.",
    "Meters on one line need different addresses; all leave the factory with the same one.",
    "A round is told whole or not at all: if a meter misses one of its questions, nothing is.",
    "What another master asks is understood as well, if nobody asks from here.",
)

_MEANINGS = {
    "1-0:1.8.0": "electricity taken from the net",
    "1-0:2.8.0": "electricity given to the net",
    "1-0:3.8.0": "reactive energy taken",
    "1-0:4.8.0": "reactive energy given",
    "1-0:9.8.0": "apparent energy",
    "1-0:15.8.0": "taken and given added up: no net amount",
    "1-0:9.7.0": "apparent power",
    "1-0:13.7.0": "power factor, as text",
    "1-0:14.7.0": "frequency",
    "1-0:16.7.0": "power now, positive when taken from the net",
    "1-0:91.7.0": "current in the neutral",
    "1-0:12.7.0": "voltage, the mean of the phases",
    "1-0:11.7.0": "current, the phases added up",
    "reactive-power-signed": "reactive power now, with the meter's sign",
    "reactive-power-signed.l1": "reactive power of phase 1; .l2 and .l3",
    "1-0:21.8.0": "taken on phase 1; 41 and 61 for phases 2 and 3",
    "1-0:22.8.0": "given on phase 1; 42 and 62 for phases 2 and 3",
    "1-0:29.7.0": "apparent power of phase 1; 49 and 69 for phases 2 and 3",
    "1-0:31.7.0": "current of phase 1; 51 and 71 for phases 2 and 3",
    "1-0:32.7.0": "voltage of phase 1; 52 and 72 for phases 2 and 3",
    "1-0:33.7.0": "power factor of phase 1, as text; 53 and 73 for phases 2 and 3",
    "1-0:36.7.0": "power of phase 1, positive when taken; 56 and 76 for phases 2 and 3",
    SERIAL: "serial number",
}


def open_session(settings: Mapping[str, str], book: Callable[[str], Book]) -> Session:
    """A session with the settings of `SETTINGS`; `book` makes one from the readings' doubt.

    Raises SettingError.
    """
    framing = _framing(settings)
    timing = Timing(
        whole(settings, "interval", 1, INTERVAL_S_MAX, INTERVAL_S),
        whole(settings, "timeout_ms", 20, TIMEOUT_MS_MAX, TIMEOUT_MS) / 1000,
        whole(settings, "pause_ms", 1, PAUSE_MS_MAX, PAUSE_MS) / 1000,
    )
    if framing is TCP and settings.get("address", "").strip() in {"0", "255"}:
        address = int(settings["address"])
    else:
        address = whole(settings, "address", 1, ADDRESS_MAX, ADDRESS)
    return Session(framing, book(_doubt(framing)), address, timing)


def _framing(settings: Mapping[str, str]) -> Framing:
    text = settings.get("protocol", "").strip().lower() or "rtu"
    if text not in _FRAMINGS:
        raise SettingError("protocol", f"{text!r} cannot be used", "rtu or tcp")
    return _FRAMINGS[text]


def _doubt(framing: Framing) -> str:
    return "" if framing.checks else "unchecked"


def recogniser(book: Callable[[str], Book]) -> Callable[[bytes], bool]:
    """Whether somebody asks in the sample, and the answer is read to the end without a fault."""

    def recognise(sample: bytes) -> bool:
        for framing in _FRAMINGS.values():
            session = Session(framing, book(""), None, Timing(0, 0, 0))
            told = [step for step in session.feed(sample) if isinstance(step, Message)]
            if any(message.readings and not message.faults for message in told):
                return True
        return False

    return recognise


def registers(described: Map) -> tuple[Register, ...]:
    """The registers of a map; of three phases only the first, as its meaning tells."""
    told: dict[str, Register] = {}
    for value in (*described.values, *([described.serial] if described.serial else [])):
        if value.register in _MEANINGS:
            unit = UNITS[value.unit][0] if value.unit else ""
            told[value.register] = Register(value.register, unit, _MEANINGS[value.register])
    return tuple(told.values())
