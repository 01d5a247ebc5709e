"""When a gateway is told something, and when again: until its records answer, ever more seldom.

Nothing here has a clock or a line: what is due is given to whoever asks.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.contract.command import RESEND, Command
from ledger_bridge.gaps import ChainKey, Gap
from ledger_bridge.orders import GOOD_MS

# Between the first time and the second; then twice as long each time, up to the other.
AGAIN_S_MIN = 5.0
AGAIN_S_MAX = 300.0
# A gap that does not fill by itself within this is asked for: most are only on their way.
QUIET_S = 10.0
# So many records are asked for in one command: as many as may lie beyond a gap.
RESEND_MAX = 1_000


@dataclass(slots=True)
class _Matter:
    """Something to say: how often it was said, and when it is due again."""

    id: str
    first: int
    due_s: float
    said: int = 0
    is_over: bool = False

    def say(self, now_s: float) -> None:
        self.due_s = now_s + min(AGAIN_S_MAX, AGAIN_S_MIN * 2 ** min(self.said, 10))
        self.said += 1


class Asking:
    """Remembers what was said when, by the real clock; a restart of the bridge begins anew."""

    def __init__(self) -> None:
        self._gaps: dict[ChainKey, _Matter] = {}
        self._orders: dict[str, _Matter] = {}

    def due_gaps(
        self, gaps: Iterable[Gap], *, community: str, now_s: float, now_ms: int
    ) -> list[Command]:
        """The resends to ask for now. A gap that gets smaller fills by itself."""
        due = []
        before, self._gaps = self._gaps, {}
        for gap in gaps:
            key = (gap.gateway, gap.chain)
            matter = before.get(key)
            if matter is None or matter.first != gap.first:
                matter = _Matter(secrets.token_hex(8), gap.first, now_s + QUIET_S)
            self._gaps[key] = matter
            if now_s < matter.due_s or matter.is_over:
                continue
            matter.say(now_s)
            due.append(
                Command(
                    community=community,
                    gateway=gap.gateway,
                    id=matter.id,
                    word=RESEND,
                    expires_ms=now_ms + GOOD_MS[RESEND],
                    chain=gap.chain,
                    first=gap.first,
                    last=min(gap.last, gap.first + RESEND_MAX - 1),
                )
            )
        return due

    def due_orders(self, orders: Iterable[Command], *, now_s: float) -> list[Command]:
        """Of the orders that wait for their answers, those to say now."""
        before, self._orders = self._orders, {}
        due = []
        for order in orders:
            matter = before.get(order.id) or _Matter(order.id, order.first, now_s)
            self._orders[order.id] = matter
            if now_s >= matter.due_s:
                matter.say(now_s)
                due.append(order)
        return due

    def answered(self, ids: Iterable[str]) -> None:
        """A gateway that refused a resend is not asked again for that gap."""
        over = set(ids)
        for matter in self._gaps.values():
            matter.is_over = matter.is_over or matter.id in over
