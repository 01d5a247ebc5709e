"""The part of `verify` that is about the book: bookings, postings, and what they add up to."""

from collections.abc import Iterator

import msgspec

from ledger_bridge.books.book import Claim
from ledger_bridge.books.verify import acts
from ledger_bridge.books.verify.leaves import Leaf
from ledger_bridge.books.verify.look import ClaimRow, Differs, Look
from ledger_bridge.books.verify.moment import Booking, Line, Moment


class _Said(msgspec.Struct):
    """What the leaf of a booking says; `claim` and what follows only of an entitlement."""

    kind: str
    booking: int
    booked_ms: int
    postings: tuple[Line, ...]
    claim: tuple[str, str, str] | None = None
    due: int = 0
    before: int = 0
    request: str = ""
    heads: tuple[tuple[str, str, int, str], ...] = ()


_said = msgspec.json.Decoder(_Said)


class Bookings:
    """Takes the next booking for each leaf that is one."""

    def __init__(self, look: Look, moment: Moment) -> None:
        self._look = look
        self._moment = moment
        self._stored = self._read()
        self._posted: dict[tuple[str, str, str], int] = {}

    def _read(self) -> Iterator[tuple[Booking, int]]:
        """The bookings in their order, each with the leaf that it names."""
        rows = self._look.rows(
            "SELECT booking, line, account, asset, amount FROM posting WHERE community = ?"
            " ORDER BY booking, line"
        )
        row = next(rows, None)
        bookings = self._look.rows(
            "SELECT seq, kind, booked_ms, rule, member, period, client_key, leaf FROM booking"
            " WHERE community = ? ORDER BY seq"
        )
        for number, (seq, kind, booked_ms, *claim, key, leaf) in enumerate(bookings, start=1):
            if seq != number:
                raise Differs(f"booking {number} is missing", "booking")
            lines: list[Line] = []
            while row is not None and row[0] == seq:
                if row[1] != len(lines):
                    raise Differs(f"posting {len(lines)} is missing", f"booking {seq}")
                lines.append(row[2:])
                row = next(rows, None)
            if row is not None and row[0] < seq:
                raise Differs("postings without a booking", f"posting {row[0]}")
            yield Booking(seq, kind, booked_ms, tuple(claim), key, tuple(lines)), leaf
        if row is not None:
            raise Differs("postings without a booking", f"posting {row[0]}")

    def _next(self, leaf: Leaf) -> tuple[Booking, _Said]:
        """The booking that this leaf is about: it is what the leaf says, and balances."""
        said = _said.decode(leaf.body)
        found = next(self._stored, None)
        if found is None:
            raise Differs(f"booking {said.booking} is missing", "booking")
        booking, index = found
        where = f"booking {booking.seq}"
        if booking.lines != said.postings:
            _name_line(booking.lines, said.postings, where)
        if (index, *booking[:3]) != (leaf.idx, said.booking, said.kind, said.booked_ms):
            raise Differs("it is not what the log says of it", where)
        balances = self._moment.balances
        sums: dict[str, int] = {}
        for account, asset, amount in booking.lines:
            balances[account, asset] += amount
            sums[asset] = sums.get(asset, 0) + amount
        if any(sums.values()):
            raise Differs(f"it does not balance: {sums}", where)
        self._look.bookings += 1
        return booking, said

    def entitlement(self, leaf: Leaf) -> None:
        """It is a claim's, goes to the member of that claim, and brings it from what it had."""
        booking, said = self._next(leaf)
        where = f"booking {booking.seq}"
        claim = said.claim
        if claim is None or booking.claim != claim or booking.client_key is not None:
            raise Differs(f"its claim is {list(booking.claim)}, the log says {claim}", where)
        registry = self._moment.registry
        assert registry.founded
        parties = (registry.account(claim[1]), registry.founded.issuance)
        if tuple(account for account, _, _ in booking.lines) != parties:
            raise Differs(f"it is not between the issuance and {claim[1]}", where)
        before = self._posted.get(claim, 0)
        if (before, said.due - before) != (said.before, booking.lines[0][2]):
            what = f"it posts {booking.lines[0][2]}: due {said.due} after {said.before}"
            raise Differs(f"{what}, posted before was {before}", where)
        self._posted[claim] = said.due

    def act(self, leaf: Leaf) -> None:
        booking, said = self._next(leaf)
        self._moment.check_heads(said.heads, f"leaf {leaf.idx}")
        acts.check(self._moment, booking, said.request)

    def end(self) -> None:
        """No booking is left over; claims, closings and balances are what the bookings made."""
        if (left := next(self._stored, None)) is not None:
            where = f"booking {left[0].seq}"
            raise Differs("the log does not have it", where)
        self._check_claims()
        self._check_closed()
        self._check_balances()

    def _check_claims(self) -> None:
        """What the books say a claim has got is what was posted for it, settled or not."""
        posted = {Claim(*claim): amount for claim, amount in self._posted.items()}
        for claim in sorted({*self._look.claims, *posted}):
            says = self._look.claims.get(claim, ClaimRow("", 0)).due
            has = posted.get(claim, 0)
            if says != has:
                where = f"claim {claim.rule} {claim.member} {claim.period}"
                raise Differs(f"{has} was posted, the books have {says}", where)

    def _check_closed(self) -> None:
        stored = set(self._look.rows("SELECT period, booking FROM closed WHERE community = ?"))
        for period, booking in sorted(stored ^ self._moment.closed):
            what = "it is not closed" if (period, booking) in stored else "it is closed"
            raise Differs(f"{what} by booking {booking}", f"closed {period}")

    def _check_balances(self) -> None:
        added = self._moment.balances
        stored = {
            (account, asset): amount
            for account, asset, amount in self._look.rows(
                "SELECT account, asset, amount FROM balance WHERE community = ?"
            )
        }
        for key in sorted({*stored, *added}):
            if stored.get(key, 0) != added.get(key, 0):
                what = f"it holds {stored.get(key, 0)}, its postings add up to {added.get(key, 0)}"
                raise Differs(what, f"balance {' '.join(key)}")


def _name_line(lines: tuple[Line, ...], said: tuple[Line, ...], where: str) -> None:
    """Raises Differs with the first posting that is not what the log says."""
    for number, (line, logged) in enumerate(zip(lines, said, strict=False)):
        if line != logged:
            raise Differs(f"posting {number} is {list(line)}, the log says {list(logged)}", where)
    raise Differs("it is not what the log says of it", where)
