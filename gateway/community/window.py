"""Which records go now: a bounded number under way, and patience where no receipt comes. Pure.

A record is under way from when it is sent until it is receipted. Where nothing is receipted for a
while the first of them goes again, alone: a probe. A hub that was away answers it with all that the
broker kept for it; a record that was lost is that very one. Only then does the window open again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.journal import Chain

# Records under way over all chains: bounds what the broker and the hub must hold.
WINDOW = 64
# What any chain may have under way, however much those before it have: none waits for another.
LEAST = 16
# A hub that lives receipts within this, by the real clock.
PATIENCE_S = 5.0
PATIENCE_S_MAX = 300.0


@dataclass(slots=True)
class _Flight:
    """What of a chain is under way: up to `sent`.

    `since_s` is when the hub last did something about it, `again_s` when the next probe may go;
    `probes` went since.
    """

    sent: int = 0
    since_s: float = 0.0
    again_s: float = 0.0
    probes: int = 0


class Window:
    """Remembers per chain what is under way. `chance` gives a number from 0 to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self.resent = 0
        self._chance = chance
        self._flights: dict[str, _Flight] = {}

    def hurry(self, now_s: float) -> None:
        """The link is new, or the hub is back: ask at once after what was under way."""
        for flight in self._flights.values():
            flight.probes, flight.again_s = 0, min(flight.again_s, now_s)

    def under_way(self, chain: Chain) -> int:
        flight = self._flights.get(chain.chain)
        return max(0, flight.sent - base_of(chain)) if flight else 0

    def overdue_s(self, chain: Chain, now_s: float) -> float:
        """Since when the hub should have receipted something, 0.0 where all is well."""
        if not self.under_way(chain):
            return 0.0
        waits_s = now_s - self._flights[chain.chain].since_s
        return waits_s if waits_s > PATIENCE_S else 0.0

    def next(self, chain: Chain, now_s: float, *, room: int, is_quiet: bool = False) -> range:
        """The numbers that go now. `is_quiet`: the hub takes none, so only probes go."""
        flight = self._flights.setdefault(chain.chain, _Flight())
        base = base_of(chain)
        flight.sent = max(flight.sent, base)
        if base >= chain.last:
            return range(0)
        if flight.sent == base:
            flight.since_s, flight.again_s = now_s, now_s + PATIENCE_S
        elif now_s >= flight.again_s:
            return self._probe(flight, base, now_s)
        elif is_quiet or flight.probes:
            return range(0)
        begin = flight.sent + 1
        last = begin if is_quiet else min(base + room, chain.last)
        flight.sent = max(flight.sent, last)
        return range(begin, last + 1)

    def _probe(self, flight: _Flight, base: int, now_s: float) -> range:
        """The first record alone, each time after a longer wait."""
        flight.probes += 1
        flight.sent = base + 1
        flight.again_s = now_s + self.pause_s(flight.probes)
        self.resent += 1
        return range(base + 1, base + 2)

    def pause_s(self, probes: int) -> float:
        """How long to wait after so many probes: full jitter, for a hub has many gateways."""
        ceiling = min(PATIENCE_S_MAX, PATIENCE_S * 2.0 ** min(probes, 10))
        return PATIENCE_S + self._chance() * (ceiling - PATIENCE_S)

    def receipted(self, chain: Chain, *, before: int, now_s: float) -> None:
        """The hub has said how far it has this chain: `before` it was so far."""
        flight = self._flights.get(chain.chain)
        if flight is None or chain.receipted == before:
            return
        if chain.receipted < before:
            flight.sent = chain.receipted  # and from there all goes again
        flight.since_s, flight.again_s, flight.probes = now_s, now_s + PATIENCE_S, 0


def base_of(chain: Chain) -> int:
    """Up to where nothing is to be sent: receipted, or no longer held."""
    return max(chain.receipted, chain.first - 1)
