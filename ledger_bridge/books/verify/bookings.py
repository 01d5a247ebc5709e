"""The part of `verify` that is about the book: bookings, postings, and what they add up to."""

import msgspec

from ledger_bridge.books.book import Claim
from ledger_bridge.books.verify import acts, closing
from ledger_bridge.books.verify.leaves import Leaf
from ledger_bridge.books.verify.look import Differs, Look
from ledger_bridge.books.verify.moment import Booking, Line, Moment


class _Entitled(msgspec.Struct):
    """What the leaf of an entitlement says."""

    kind: str
    booking: int
    booked_ms: int
    postings: tuple[Line, Line]
    claim: Claim
    due: int
    before: int


class _Acted(msgspec.Struct):
    """What the leaf of an act says."""

    kind: str
    booking: int
    booked_ms: int
    postings: tuple[Line, ...]
    heads: tuple[tuple[str, str, int, str], ...] = ()


_entitled, _acted = msgspec.json.Decoder(_Entitled), msgspec.json.Decoder(_Acted)

_BOOKINGS = "SELECT seq, kind, booked_ms, rule, member, period, client_key, leaf FROM booking"
_LINES = "SELECT booking, line, account, asset, amount FROM posting"


class Bookings:
    """Takes the next booking for each leaf that is one.

    Millions of entitlements pass: rows stay plain tuples, read in step with the leaves.
    """

    def __init__(self, look: Look, moment: Moment) -> None:
        self._look = look
        self._moment = moment
        self._acts = acts.Acts(moment)
        self._rows = look.rows(f"{_BOOKINGS} WHERE community = ? ORDER BY seq")
        self._lines = look.rows(f"{_LINES} WHERE community = ? ORDER BY booking, line")
        self._line = next(self._lines, None)
        self._number = 0
        self._registry = moment.registry
        self._accounts: dict[str, tuple[str | None, str]] = {}

    def entitlement(self, leaf: Leaf) -> None:
        """It is a claim's, goes to the member of that claim, and brings it from what it had."""
        if not leaf.body:
            self._hidden(leaf)
            return
        said = _entitled.decode(leaf.body)
        self._number = number = self._number + 1
        row = next(self._rows, None)
        one, two = self._line, next(self._lines, None)
        self._line = next(self._lines, None)
        claim, (to, from_) = said.claim, said.postings
        if (
            row != (number, said.kind, said.booked_ms, *claim, None, leaf.idx)
            or said.booking != number
            or one != (number, 0, *to)
            or two != (number, 1, *from_)
        ):
            raise self._odd(number, said)
        moment = self._moment
        amount = to[2]
        if (to[0], from_[0]) != self._parties(claim[1]) or to[1] != from_[1]:
            raise Differs(f"it is not between the issuance and {claim[1]}", f"booking {number}")
        if amount + from_[2]:
            raise Differs(f"it does not balance: {to}, {from_}", f"booking {number}")
        asset, before = moment.posted.get(claim, (to[1], 0))
        if asset != to[1] and before:
            raise Differs(f"{before} {asset} was posted before", f"booking {number}")
        if before != said.before or said.due - before != amount:
            what = f"it posts {amount}: due {said.due} after {said.before}"
            raise Differs(f"{what}, posted before was {before}", f"booking {number}")
        moment.posted[claim] = (to[1], said.due)
        moment.balances[to[:2]] += amount
        moment.balances[from_[:2]] -= amount

    def _parties(self, member: str) -> tuple[str | None, str]:
        """Between whom an entitlement of this member's is, by the registry of the moment."""
        moment = self._moment
        if moment.registry is not self._registry:
            self._registry = moment.registry
            self._accounts.clear()
        found = self._accounts.get(member)
        if found is None:
            found = (moment.registry.account(member), moment.issuance)
            self._accounts[member] = found
        return found

    def _hidden(self, leaf: Leaf) -> None:
        """Of an erased member's entitlement the log has the commitment alone; the book stays."""
        self._number = number = self._number + 1
        where = f"booking {number}"
        row = next(self._rows, None)
        one, two = self._line, next(self._lines, None)
        self._line = next(self._lines, None)
        if row is None or one is None or two is None or (row[0], row[-1]) != (number, leaf.idx):
            raise Differs("it is not where the log has it", where)
        claim = Claim(*row[3:6])
        moment = self._moment
        parties = self._parties(claim[1])
        if claim[1] not in self._look.registry.erased or (one[2], two[2]) != parties:
            raise Differs("its leaf is erased, and it is of no member who is", where)
        if (one[:2], two[:2], one[3]) != ((number, 0), (number, 1), two[3]) or one[4] + two[4]:
            raise Differs(f"it does not balance: {one}, {two}", where)
        asset, before = moment.posted.get(claim, (one[3], 0))
        if asset != one[3] and before:
            raise Differs(f"{before} {asset} was posted before", where)
        moment.posted[claim] = (one[3], before + one[4])
        moment.balances[one[2:4]] += one[4]
        moment.balances[two[2:4]] += two[4]
        moment.gone.found["leaves"].add(leaf.idx)

    def act(self, leaf: Leaf) -> None:
        """It balances, and is what somebody asked for."""
        said = _acted.decode(leaf.body)
        self._number = number = self._number + 1
        row = next(self._rows, None)
        lines: list[Line] = []
        while self._line is not None and self._line[:2] == (number, len(lines)):
            lines.append(self._line[2:])
            self._line = next(self._lines, None)
        head = (number, said.kind, said.booked_ms)
        if row is None or (*row[:3], row[-1]) != (*head, leaf.idx) or said.booking != number:
            raise self._odd(number, said)
        if tuple(lines) != said.postings:
            raise self._odd(number, said)
        sums: dict[str, int] = {}
        for _, asset, amount in lines:
            sums[asset] = sums.get(asset, 0) + amount
        if any(sums.values()):
            raise Differs(f"it does not balance: {sums}", f"booking {number}")
        self._moment.check_heads(said.heads, f"leaf {leaf.idx}")
        booking = Booking(*head, row[3:6], row[6], tuple(lines))
        self._acts.check(booking, leaf.body)
        for account, asset, amount in lines:
            self._moment.balances[account, asset] += amount
        if booking.kind == "close":
            closing.closed(self._moment, booking, leaf)

    def _odd(self, number: int, said: _Entitled | _Acted) -> Differs:
        """What it is in which a booking as stored and its leaf differ."""
        where = f"booking {number}"
        look = self._look
        row = next(look.rows(f"{_BOOKINGS} WHERE community = ? AND seq = ?", number), None)
        if row is None:
            return Differs(f"booking {number} is missing", "booking")
        claim, logged = row[3:6], said.claim if isinstance(said, _Entitled) else None
        if logged and (claim != logged or row[6] is not None):
            return Differs(f"its claim is {list(claim)}, the log says {list(logged)}", where)
        stored = list(look.rows(f"{_LINES} WHERE community = ? AND booking = ?", number))
        for place, (_, line, *posting) in enumerate(stored):
            if line != place:
                return Differs(f"posting {place} is missing", where)
            if place < len(said.postings) and tuple(posting) != said.postings[place]:
                meant = list(said.postings[place])
                return Differs(f"posting {place} is {posting}, the log says {meant}", where)
        if len(stored) < len(said.postings):
            return Differs(f"posting {len(stored)} is missing", where)
        return Differs("it is not what the log says of it", where)

    def end(self) -> None:
        """No booking is left over; claims, closings and balances are what the bookings made."""
        if (left := next(self._rows, None)) is not None:
            raise Differs("the log does not have it", f"booking {left[0]}")
        if self._line is not None:
            raise Differs("postings without a booking", f"posting {self._line[0]}")
        self._look.bookings = self._number
        self._check_claims()
        self._check_closed()
        self._check_balances()
        self._acts.end(self._look)

    def _check_claims(self) -> None:
        """What the books say a claim has got is what was posted for it, settled or not."""
        posted, claims = self._moment.posted, self._look.claims
        nothing = ("", 0)
        odd = {claim for claim, has in posted.items() if claims.get(claim, nothing) != has}
        odd |= {claim for claim, row in claims.items() if row.due and claim not in posted}
        for claim in sorted(odd):
            says, has = claims.get(claim, nothing)[1], posted.get(claim, nothing)[1]
            raise Differs(f"{has} was posted, the books have {says}", f"claim {' '.join(claim)}")

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
