"""The part of `verify` that is about acts: each is decided once more, as things stood then."""

from collections import defaultdict
from heapq import heappop, heappush
from typing import Any

import msgspec

from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.acts import deciding, reserving
from ledger_bridge.books.acts.requests import Close, Request, read
from ledger_bridge.books.acts.standing import (
    Decided,
    Done,
    Ended,
    Exchanged,
    Kept,
    Reservation,
    Undone,
)
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import CLEARING, Registry
from ledger_bridge.books.verify.look import Differs, Look
from ledger_bridge.books.verify.moment import Booking, Moment


class Acts:
    """What acts have left behind up to a moment; a `Standing` for the one that is looked at."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.now_ms = 0
        self._keys: set[str] = set()
        self._reserved: dict[int, Reservation] = {}
        # Until when, and the booking: the first to expire is the first.
        self._open: list[tuple[int, int]] = []
        self._done: dict[int, Done] = {}
        # By exchange and holder, the bookings.
        self._exchanged: dict[tuple[str, str], dict[int, Exchanged]] = defaultdict(dict)

    @property
    def registry(self) -> Registry:
        return self._moment.registry

    @property
    def policies(self) -> Policies:
        return self._moment.policies

    def balance(self, account: str, asset: str) -> int:
        return self._moment.balances.get((account, asset), 0)

    def reservation(self, booking: int) -> Reservation | None:
        return self._reserved.get(booking)

    def done(self, booking: int) -> Done | None:
        return self._done.get(booking)

    def exchanged(self, exchange: str, holder: str, first: str, last: str) -> int:
        return sum(
            one.amount
            for booking, one in self._exchanged[exchange, holder].items()
            if first <= one.day <= last and self._done[booking].undone is None
        )

    def check(self, booking: Booking, body: bytes) -> None:
        """Whether a booking, whose postings do not count yet, is what a steward asked for and what
        it came to. Raises Differs.
        """
        where = f"booking {booking.seq}"
        said = msgspec.json.decode(body, type=dict[str, Any])
        self.now_ms = booking.booked_ms
        if booking.claim != (None, None, None):
            raise Differs("it is an act and names a claim", where)
        if "request" in said:
            self._check_expired(where)
            request = self._request(booking, said["request"], where)
            if isinstance(request.act, Close):
                if booking.kind != "close" or booking.lines:
                    raise Differs("its request asks for another act", where)
                self._done[booking.seq] = Done(booking.kind, (), None)
                return
            try:
                decided = deciding.decide(request.act, self)
            except PeopleError as error:
                raise Differs(f"it could not be: {error.problems[0].what}", where) from error
        else:
            decided = self._expiry(booking, said, where)
        self._compare(booking, decided, said, where)
        self._done[booking.seq] = Done(booking.kind, tuple(decided.postings), None)
        self._keep(booking.seq, decided.kept)

    def _check_expired(self, where: str) -> None:
        """Before any other act goes back what was reserved until now or before."""
        while self._open and self._open[0][0] <= self.now_ms:
            _, number = heappop(self._open)
            if self._reserved[number].ended is None:
                raise Differs(f"reservation {number} was over before it, and has not ended", where)

    def _request(self, booking: Booking, document: Any, where: str) -> Request:
        try:
            request = read(str(document).encode(), self.registry)
        except Malformed as error:
            raise Differs(f"its request is not signed by a steward: {error}", where) from error
        if booking.client_key != request.key:
            raise Differs(f"its key is {booking.client_key}, asked was {request.key}", where)
        if request.key in self._keys:
            raise Differs(f"the act under the key {request.key} is booked twice", where)
        self._keys.add(request.key)
        return request

    def _expiry(self, booking: Booking, said: dict[str, Any], where: str) -> Decided:
        """The one act that nobody asks for: the time of a reservation was over."""
        number = said.get("reservation")
        kept = self._reserved.get(number) if isinstance(number, int) else None
        if kept is None or booking.client_key is not None:
            raise Differs("nobody asked for it", where)
        if kept.ended is not None:
            raise Differs(f"that reservation had ended with booking {kept.ended}", where)
        if booking.booked_ms < kept.until_ms:
            raise Differs(f"its time was over at {kept.until_ms} only", where)
        assert isinstance(number, int)
        return reserving.expire(number, self)

    def _compare(
        self, booking: Booking, decided: Decided, said: dict[str, Any], where: str
    ) -> None:
        if booking.kind != decided.kind:
            raise Differs("its request asks for another act", where)
        if booking.lines != tuple(decided.postings):
            meant = [list(one) for one in decided.postings]
            raise Differs(f"it posts {[list(one) for one in booking.lines]}, not {meant}", where)
        for name, fact in decided.facts.items():
            # Programs of before did not say by which policy they transferred.
            if said.get(name, fact if name == "policy" else None) != fact:
                raise Differs(f"the log says {name} {said.get(name)!r}, it is {fact!r}", where)

    def _keep(self, number: int, kept: Kept | None) -> None:
        match kept:
            case Reservation():
                self._reserved[number] = kept
                heappush(self._open, (kept.until_ms, number))
            case Ended(reservation):
                self._reserved[reservation] = self._reserved[reservation]._replace(ended=number)
            case Exchanged():
                self._exchanged[kept.exchange, kept.holder][number] = kept
            case Undone(booking):
                self._done[booking] = self._done[booking]._replace(undone=number)

    def end(self, look: Look) -> None:
        """The tables are what the acts left behind, and what is reserved lies in clearing."""
        key = look.community
        look.compare("reservation", [(key, n, *one) for n, one in self._reserved.items()])
        exchanged = (some.items() for some in self._exchanged.values())
        look.compare("exchanged", [(key, n, *one) for some in exchanged for n, one in some])
        undone = [(key, n, one.undone) for n, one in self._done.items() if one.undone is not None]
        look.compare("undone", undone)
        self.check_held()

    def check_held(self) -> None:
        """Minted less reversed is held by members and accounts that are somebody's, and what lies
        in clearing is reserved.
        """
        self._check_clearing()
        self._check_accounts()

    def _check_clearing(self) -> None:
        open_: dict[str, int] = {}
        for one in self._reserved.values():
            if one.ended is None:
                open_[one.asset] = open_.get(one.asset, 0) + one.amount
        for name in self.registry.of_role(CLEARING):
            account = self.registry.others[name].id
            for (holder, asset), held in self._moment.balances.items():
                if holder == account and held != open_.get(asset, 0):
                    what = f"it holds {held} {asset}, reserved is {open_.get(asset, 0)}"
                    raise Differs(what, f"account {name}")

    def _check_accounts(self) -> None:
        registry, issuance = self.registry, self._moment.issuance
        known = {*registry.accounts.values(), *(one.id for one in registry.others.values())}
        held: dict[str, int] = {}
        minted: dict[str, int] = {}
        for (account, asset), amount in self._moment.balances.items():
            if account == issuance:
                minted[asset] = minted.get(asset, 0) - amount
            elif account in known:
                held[asset] = held.get(asset, 0) + amount
            else:
                raise Differs("it is nobody's and holds something", f"balance {account} {asset}")
        for asset in sorted({*held, *minted}):
            if held.get(asset, 0) != minted.get(asset, 0):
                what = f"{minted.get(asset, 0)} was minted, {held.get(asset, 0)} is held"
                raise Differs(what, f"asset {asset}")
