"""How well a line is heard: what came over it, what of that was damaged, and when it was away."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.reading import Message

# Damage is told of the last half hour to hour: of two spans, this one and the one before it.
SPAN_S = 1800.0


@dataclass(slots=True)
class LineQuality:
    """What one device's line did since the gateway started. Times are the loop's, seconds.

    `telegrams` gave readings; `faults` counts by kind. `silent_s_max` is the longest time in which
    an open line gave no byte. `lost_since_s` is None while the line is open, `why` is what it was
    lost for and `try_` what helps.
    """

    bytes: int = 0
    telegrams: int = 0
    opened: int = 0
    silent_s_max: float = 0.0
    lost_since_s: float | None = None
    why: str = ""
    try_: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    _heard_s: float = 0.0
    _span_s: float = 0.0  # when this span began
    _told: int = 0  # messages in this span, and those of them that gave nothing
    _damaged: int = 0
    _told_before: int = 0
    _damaged_before: int = 0

    def open(self, now_s: float) -> None:
        """The line has been opened."""
        self.opened += 1
        self.lost_since_s = None
        self.why = self.try_ = ""
        self._heard_s = now_s

    def lose(self, now_s: float, *, why: str, try_: str) -> None:
        """The line is lost, or cannot be had still; it counts from the first time on."""
        if self.lost_since_s is None:
            self.lost_since_s = now_s
        self.why, self.try_ = why, try_

    def hear(self, count: int, now_s: float) -> None:
        """So many bytes have come."""
        self.bytes += count
        self.silent_s_max = max(self.silent_s_max, now_s - self._heard_s)
        self._heard_s = now_s

    def take(self, message: Message, now_s: float) -> None:
        """What the bytes, or their absence, came to."""
        if now_s - self._span_s >= SPAN_S:
            self._begin_span(now_s)
        self._told += 1
        if message.readings:
            self.telegrams += 1
        elif message.faults:
            self._damaged += 1
        for fault in message.faults:
            self.faults[fault.kind] = self.faults.get(fault.kind, 0) + 1

    def _begin_span(self, now_s: float) -> None:
        is_next = now_s - self._span_s < 2 * SPAN_S
        self._told_before = self._told if is_next else 0
        self._damaged_before = self._damaged if is_next else 0
        self._told = self._damaged = 0
        self._span_s = now_s

    def damaged(self) -> float:
        """The share, 0 to 1, of what came lately that gave nothing but faults."""
        told = self._told + self._told_before
        return (self._damaged + self._damaged_before) / told if told else 0.0

    def silent_s(self, now_s: float) -> float:
        """How long an open line has given no byte; 0 while it is lost."""
        return 0.0 if self.lost_since_s is not None or not self.opened else now_s - self._heard_s


def told(line: LineQuality, now_s: float) -> Mapping[str, object]:
    """The figures for the page and the health topic."""
    said: dict[str, object] = {
        "bytes": line.bytes,
        "telegrams": line.telegrams,
        "faults": dict(line.faults),
        "damaged": round(line.damaged(), 4),
        "opened": line.opened,
        "silent_s_max": round(max(line.silent_s_max, line.silent_s(now_s)), 1),
    }
    if line.lost_since_s is not None:
        said |= {"lost_s": round(now_s - line.lost_since_s, 1), "why": line.why}
    return said
