"""What was booked in each quarter-hour, and what accounts had then, in the order of the book.

Bookings never change, so they are read once, by their numbers. Where the hub's clock was set back
meanwhile, the bookings of a quarter-hour do not follow each other, and a balance is that after the
last of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.schema import BALANCE, CREDIT, Written, line

_AFTER = "SELECT seq, booked_ms FROM booking WHERE community = ? AND seq > ? ORDER BY seq"
_POSTED = """
    SELECT booked_ms, account, asset, amount FROM posting AS p JOIN booking USING (community)
    WHERE community = ? AND p.booking > ? AND p.booking <= ? AND seq = p.booking
    ORDER BY p.booking, p.line
"""
_BOOKED = """
    SELECT account, asset, kind, coalesce(rule, '') AS of,
        sum(max(amount, 0)), -sum(min(amount, 0)), count(DISTINCT seq)
    FROM booking CROSS JOIN posting AS p USING (community)
    WHERE community = ? AND booked_ms >= ? AND booked_ms < ? AND p.booking = seq
    GROUP BY account, asset, kind, of
"""
# What accounts had after a booking: what they have, without what came later.
_HAD = """
    SELECT account, asset, sum(amount) FROM (
        SELECT account, asset, amount FROM balance WHERE community = :community
        UNION ALL
        SELECT account, asset, -amount FROM posting
        WHERE community = :community AND booking > :after
    ) GROUP BY account, asset
"""


class Bookings:
    """Reads on where it was; what accounts had there is kept in mind."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._at = 0
        self._has: dict[tuple[str, str], int] = defaultdict(int)

    def read(self, *, after: int, limit: int) -> tuple[Written, int]:
        """CREDIT and BALANCE of so many bookings after one, and further ones of the same
        quarter-hours; gives the last one's number too.
        """
        last, quarters = self._next(after, limit)
        if last == after:
            return Written(), after
        reader = self._reader
        registry, _ = reader.papers()
        gone = {registry.accounts[member] for member in registry.erased}
        holders = "SELECT account, role FROM holder WHERE community = ?"
        roles = dict(reader.db.execute(holders, (reader.community,)).fetchall())
        roles = {account: role for account, role in roles.items() if account not in gone}
        years = (*self._credits(quarters, roles), *self._balances(after, last, roles))
        return Written((), years), last

    def _next(self, after: int, limit: int) -> tuple[int, list[int]]:
        """The last booking of these, and the quarter-hours that they are in."""
        quarters: set[int] = set()
        last = after
        for seq, booked_ms in self._reader.db.execute(_AFTER, (self._reader.community, after)):
            began_ms = booked_ms // QUARTER_MS * QUARTER_MS
            if seq > after + limit and began_ms not in quarters:
                break
            quarters.add(began_ms)
            last = seq
        return last, sorted(quarters)

    def _credits(self, quarters: Iterable[int], roles: dict[str, str]) -> Iterator[str]:
        community = self._reader.community
        for began_ms in quarters:
            span = community, began_ms, began_ms + QUARTER_MS
            for account, *series, plus, minus, bookings in self._reader.db.execute(_BOOKED, span):
                if account in roles:
                    key = CREDIT.key(community, account, roles[account], *series)
                    fields = ("plus", plus), ("minus", minus), ("bookings", bookings)
                    yield line(key, fields, began_ms)

    def _balances(self, after: int, last: int, roles: dict[str, str]) -> Iterator[str]:
        community, db = self._reader.community, self._reader.db
        if self._at != after:
            had = db.execute(_HAD, {"community": community, "after": after})
            self._has = defaultdict(int, {(account, asset): has for account, asset, has in had})
        self._at = -1  # until these are all added
        ends: dict[tuple[int, str, str], int] = {}
        for booked_ms, account, asset, amount in db.execute(_POSTED, (community, after, last)):
            self._has[account, asset] += amount
            ends[booked_ms // QUARTER_MS, account, asset] = self._has[account, asset]
        self._at = last
        for (quarter, account, asset), has in ends.items():
            if account in roles:
                key = BALANCE.key(community, account, roles[account], asset)
                yield line(key, [("has", has)], quarter * QUARTER_MS)
