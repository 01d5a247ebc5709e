"""The book of a recycling point: what is written down, and what the journal tells of it again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from gateway.contract import record
from gateway.contract.record import CONTAINER, CORRECTION, DEPOSIT, REFUSAL, TEST_WEIGHT, Element
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk import records
from gateway.kiosk.containers import Containers
from gateway.kiosk.events import Deposit, Refused, Weight
from gateway.kiosk.records import Fields
from gateway.quarter import Moment

# Deposits that are remembered: a very busy day.
BOOKED_MAX = 1_000
# A test weight every day for two months, as far as records are kept.
TEST_WEIGHTS_MAX = 60


@dataclass(slots=True)
class Booked:
    """A deposit. `now` is the fraction that counts, "" once it was taken back; `by` says by whom.

    `seq` is the number of its record in `chain`. `card` is the token, never the number. `at_ms` is
    UTC.
    """

    deposit: str
    chain: str
    seq: int
    at_ms: int | None
    fraction: str
    net_mg: int | None
    pieces: int | None
    crate_mg: int
    card: str
    club: str
    by_operator: bool
    now: str
    by: str = ""
    reason: str = ""


class Done(NamedTuple):
    """A line of the day sheet. `state` as on the slip; `by` is "", "member" or "operator"."""

    deposit: str
    at_ms: int | None
    fraction: str
    net_mg: int | None
    pieces: int | None
    code: str
    by_operator: bool
    now: str
    by: str
    reason: str
    state: str
    amount: str
    asset: str


class TestWeight(NamedTuple):
    """What the scale showed for a weight that is known."""

    at_ms: int | None
    nominal_mg: int
    shown_mg: int


class Book:
    """The last deposits with what became of them; writes down what happens at the point."""

    def __init__(self, journal: Journal, *, scale: str, moment: Callable[[], Moment]) -> None:
        self.containers = Containers(journal)
        self._journal = journal
        self._scale = scale
        self._moment = moment
        self._chain = ""
        self._booked: dict[str, Booked] = {}
        self._look()

    def _look(self) -> None:
        """Read the journal where another chain goes on: what waited has other numbers there."""
        if (chain := self._evidence()) == self._chain:
            return
        self._chain = chain
        self._booked.clear()
        for data in self._journal.newest(DEPOSIT, BOOKED_MAX):
            self._add(_booked(record.parse(data)[1]))
        for data in self._journal.newest(CORRECTION, BOOKED_MAX):
            said = Fields(record.parse(data)[1])
            if booked := self._booked.get(said.text("deposit")):
                _correct(
                    booked,
                    fraction=said.text("fraction"),
                    by=said.text("by"),
                    reason=said.text("reason"),
                )
        self.containers.look()

    def _add(self, booked: Booked) -> None:
        self._booked[booked.deposit] = booked
        while len(self._booked) > BOOKED_MAX:
            del self._booked[next(iter(self._booked))]

    # What is read

    def find(self, deposit: str) -> Booked | None:
        self._look()
        return self._booked.get(deposit)

    def newest(self) -> list[Booked]:
        """The last one first."""
        self._look()
        return list(reversed(self._booked.values()))

    def is_sent(self, booked: Booked) -> bool:
        """Whether the hub has receipted its record."""
        rows = self._journal.ask(
            "SELECT 1 FROM chain WHERE community = :community AND gateway = :gateway"
            " AND chain = :chain AND receipted >= :seq",
            chain=booked.chain,
            seq=booked.seq,
        )
        return bool(rows)

    def test_weights(self) -> tuple[TestWeight, ...]:
        """Those of the journal, the newest first."""
        found = []
        for data in reversed(self._journal.newest(TEST_WEIGHT, TEST_WEIGHTS_MAX)):
            kept = record.parse(data)[1]
            said = Fields(kept)
            nominal, shown = said.mass_mg("kiosk/nominal"), said.mass_mg(f"{self._scale}/gross")
            if nominal is not None and shown is not None:
                found.append(TestWeight(kept.identity.made_ms, nominal, shown))
        return tuple(found)

    # What is written; a power cut does not matter when these return. Where the disk takes nothing
    # they raise NotKept, and nothing was written.

    @contextmanager
    def _writing(self) -> Iterator[Moment]:
        moment = self._moment()
        with self._journal.at_once(moment):
            yield moment
        self.containers.look()

    def _evidence(self) -> str:
        """The chain that records are appended to."""
        return next(c.chain for c in self._journal.chains() if c.kind == EVIDENCE and c.current)

    def _append(self, typ: str, pack: list[Element], moment: Moment) -> int:
        return self._journal.append(EVIDENCE, typ, pack, moment=moment)

    def keep(self, given: Deposit, *, deposit: str, claim: str, division_mg: int) -> None:
        """A deposit, from now on called `deposit`; it is accepted when this returns."""
        with self._writing() as moment:
            made = records.Made(deposit, claim, division_mg, moment.utc_ms)
            seq = self._append(DEPOSIT, records.deposit(given, made, scale=self._scale), moment)
            mass, pieces = given.net_mg or 0, given.pieces or 0
            self.containers.deliver(given.fraction, mass_mg=mass, pieces=pieces)
        self._add(
            Booked(
                deposit=deposit,
                chain=self._evidence(),
                seq=seq,
                at_ms=moment.utc_ms,
                fraction=given.fraction,
                net_mg=given.net_mg,
                pieces=given.pieces,
                crate_mg=given.crate_mg,
                card=given.card,
                club=given.club,
                by_operator=given.by_operator,
                now=given.fraction,
            )
        )

    def correct(self, booked: Booked, *, fraction: str, by: str, reason: str) -> None:
        """A deposit is of another fraction, or with fraction "" taken back."""
        pack = records.correction(booked.deposit, fraction=fraction, by=by, reason=reason)
        mass, pieces = booked.net_mg or 0, booked.pieces or 0
        with self._writing() as moment:
            self._append(CORRECTION, pack, moment)
            if booked.now:
                self.containers.correct(booked.now, mass_mg=-mass, pieces=-pieces, seq=booked.seq)
            if fraction:
                self.containers.correct(fraction, mass_mg=mass, pieces=pieces, seq=booked.seq)
        _correct(booked, fraction=fraction, by=by, reason=reason)

    def refuse(self, refused: Refused) -> None:
        """Something was not accepted; written with the next group, for nobody waits for it."""
        self._append(REFUSAL, records.refusal(refused, scale=self._scale), self._moment())

    def empty(self, fraction: str, *, emptying: str, hauled_mg: int | None) -> None:
        """A container was emptied, from now on called `emptying`."""
        pack = records.container(
            fraction, event=records.EMPTIED, emptying=emptying, hauled_mg=hauled_mg
        )
        with self._writing() as moment:
            seq = self._append(CONTAINER, pack, moment)
            self.containers.empty(
                fraction, emptying=emptying, seq=seq, at_ms=moment.utc_ms, hauled_mg=hauled_mg
            )

    def haul(self, fraction: str, *, emptying: str, hauled_mg: int) -> None:
        """What the haulier weighed of an emptying."""
        pack = records.container(
            fraction, event=records.HAULED, emptying=emptying, hauled_mg=hauled_mg
        )
        with self._writing() as moment:
            self._append(CONTAINER, pack, moment)
            self.containers.haul(emptying, hauled_mg=hauled_mg)

    def test(self, nominal_mg: int, weight: Weight, *, division_mg: int) -> TestWeight:
        """What the scale shows for a weight that is known."""
        with self._writing() as moment:
            pack = records.test_weight(
                nominal_mg, weight, scale=self._scale, division_mg=division_mg, at_ms=moment.utc_ms
            )
            self._append(TEST_WEIGHT, pack, moment)
        return TestWeight(moment.utc_ms, nominal_mg, weight.gross_mg)


def _correct(booked: Booked, *, fraction: str, by: str, reason: str) -> None:
    booked.now, booked.by, booked.reason = fraction, by, reason


def _booked(kept: record.Record) -> Booked:
    said = Fields(kept)
    return Booked(
        deposit=said.text("deposit"),
        chain=kept.identity.chain,
        seq=kept.identity.seq,
        at_ms=kept.identity.made_ms,
        fraction=said.text("fraction"),
        net_mg=said.mass_mg("kiosk/net"),
        pieces=said.count("pieces"),
        crate_mg=said.mass_mg("kiosk/crate-tare") or 0,
        card=said.text("card"),
        club=said.text("club"),
        by_operator=said.text("operator") == "yes",
        now=said.text("fraction"),
    )
