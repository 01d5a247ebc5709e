"""What each device says now: for the page, the home link and the health topic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.reading import Message, Reading
from gateway.lines.quality import LineQuality

# Nobody is called silent sooner than this, by the real clock, nor before it has missed its turn:
# a meter on a battery is asked once a day, and some meters speak once a minute.
SILENT_S = 60.0
TURNS_MISSED = 2
# How much of the longest pause between two messages is remembered at the next one.
REMEMBERED = 0.9

# The register of a card reader. Its value is personal: it is not kept, shown or published.
CARD = "card"


@dataclass(slots=True)
class DeviceNow:
    """One device. `heard_s` is real monotonic time; `last_ms` is UTC of the domain.

    `talks` says that silence means trouble: a meter talks by itself, a card reader need not.
    `interval_s` is how often it is asked, `pause_s` the longest pause that it lately made; `line`
    tells how well its line is heard. `telegram` is the last message, without any of a card.
    """

    driver: str
    talks: bool
    open: bool = False
    messages: int = 0
    faults: int = 0
    last_ms: int | None = None
    heard_s: float = 0.0
    interval_s: float = 0.0
    pause_s: float = 0.0
    readings: dict[str, Reading] = field(default_factory=dict)
    line: LineQuality = field(default_factory=LineQuality)
    telegram: Message | None = None

    def state(self, now_s: float) -> str:
        """ok, silent or lost."""
        if not self.open:
            return "lost"
        patience_s = max(SILENT_S, TURNS_MISSED * max(self.interval_s, self.pause_s))
        return "silent" if self.talks and now_s - self.heard_s > patience_s else "ok"

    def opened(self, now_s: float) -> None:
        self.open = True
        self.heard_s = now_s

    def hear(self, message: Message, *, now_s: float, utc_ms: int | None) -> None:
        self.faults += len(message.faults)
        if message.readings:
            self.messages += 1
            self.pause_s = max(now_s - self.heard_s, self.pause_s * REMEMBERED)
            self.heard_s = now_s
            self.last_ms = utc_ms
            self.readings = {r.register: r for r in message.readings if r.register != CARD}
            if len(self.readings) == len(message.readings):
                self.telegram = message


def total(readings: Mapping[str, Reading], code: str) -> int | None:
    """The energy counter `1-0:CODE.x` in mWh: the total register, else the sum of its tariffs.

    None where there is none, or where it counts pulses: only the ledger knows what one is worth.
    """
    register = readings.get(f"1-0:{code}.0")
    if register is not None and isinstance(register.value, int):
        return register.value if register.unit == "mWh" else None
    tariffs = [
        reading.value
        for name, reading in readings.items()
        if name.startswith(f"1-0:{code}.")
        and isinstance(reading.value, int)
        and reading.unit == "mWh"
    ]
    return sum(tariffs) if tariffs else None
