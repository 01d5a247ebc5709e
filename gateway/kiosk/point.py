"""The recycling point: what devices, screen and buttons do goes into the session, and what comes
of it into the journal; the operator's book, and what the hub says, come back out.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

import structlog

from drivers.reading import Message
from gateway.community.bridgekey import BridgeKey
from gateway.contract import cards
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey
from gateway.journal import Journal, NotKept
from gateway.kiosk import events, offer, records, session, slips
from gateway.kiosk.book import Book, Booked, Done, TestWeight
from gateway.kiosk.containers import Container
from gateway.kiosk.events import (
    Card,
    Deposit,
    Event,
    Kept,
    Operator,
    Outcome,
    Refused,
    ScaleGone,
    Terms,
    Tick,
    Undone,
    Weight,
)
from gateway.kiosk.heard import Taps, Tare, weight_of
from gateway.kiosk.offer import Offer
from gateway.kiosk.paper import Paper
from gateway.kiosk.picture import view_of
from gateway.kiosk.pin import Door
from gateway.kiosk.settings import MASS_MG_MAX, KioskSettings, mass_mg
from gateway.kiosk.settling import deposit_mg_min
from gateway.kiosk.slips import Credits
from gateway.kiosk.standing import UNDO_MS, Past, Session, forgotten, is_under_way, resume
from gateway.kiosk.view import WITHDRAWN, Slip, View
from gateway.quarter import Moment

log = structlog.get_logger()

# What was seen longer ago may not be what lies there now.
SEEN_MS = 2_000
# A scale that never says whether it is steady: as long as this the same.
SAME_MS = 3_000
# A scale that keeps its tare was told to zero; it is not told all the time.
UNTARE_MS = 10_000
# The member's own reason, in the record of a deposit taken back on the spot.
UNDONE = "undone"
WHERE = "the recycling point"
# The word of a point whose journal takes nothing.
BROKEN = "broken"


class Owner(NamedTuple):
    """Whose point it is, and the keys that it needs."""

    community: str
    gateway: str
    key: SigningKey
    bridge_key: BridgeKey
    card_key: bytes


class Point:
    """Owns the session; `real_ms` is a monotonic clock in real milliseconds.

    `tell_scale` has the scale told a word, and says whether it can be; `is_linked` says whether the
    hub can be reached. Whoever puts the gateway together sets both.
    """

    def __init__(
        self,
        journal: Journal,
        settings: KioskSettings,
        owner: Owner,
        *,
        folder: Path,
        moment: Callable[[], Moment],
        real_ms: Callable[[], int],
    ) -> None:
        """`folder` is where the policy is kept. Raises ConfigError where a PIN file holds none."""
        self.settings = settings
        self.tell_scale: Callable[[str], bool] = lambda _: False
        self.is_linked: Callable[[], bool] = lambda: False
        self.refusals: Counter[str] = Counter()
        self._journal = journal
        self._owner = owner
        self._moment = moment
        self._real_ms = real_ms
        self._secret = slips.secret(owner.key)
        self._taps = Taps()
        self._door = Door(settings.pin, real_ms=real_ms) if settings.pin else None
        self._paper = Paper(folder, community=owner.community, stewards=settings.stewards)
        self._credits = Credits(
            community=owner.community, gateway=owner.gateway, bridge_key=owner.bridge_key
        )
        self._book = Book(journal, scale=settings.scale, moment=moment)
        self._terms = offer.terms(self._paper.rules, settings)
        self._seen: Weight | None = None
        self._seen_ms = self._same_since_ms = 0
        self._tare = Tare()
        self._untared_ms: int | None = None
        self.session = self._resumed()

    def _resumed(self) -> Session:
        """After a restart the last deposits are known, so that nobody weighs twice."""
        utc_ms, now_ms = self._moment().utc_ms, self._real_ms()
        newest = self._book.newest()
        pasts: list[Past] = []
        for booked in newest:
            if utc_ms is not None and booked.at_ms is not None:
                ago_ms = max(0, utc_ms - booked.at_ms)
            elif booked is newest[0]:
                # Who does not know the time shows the last one, and gives none to take it back.
                ago_ms = UNDO_MS
            else:
                continue
            if booked.now:
                pasts.append(_past(booked, at_ms=now_ms - ago_ms))
        return resume(pasts[::-1], now_ms=now_ms)

    # What happens

    def hear(self, device: str, message: Message) -> None:
        """A message of any device of the gateway."""
        if device in self.settings.readers:
            for number in self._taps.hear(message, now_ms=self._real_ms()):
                self.take(Card(cards.token(number, self._owner.card_key)))
        elif device == self.settings.scale:
            event = weight_of(message, self._tare)
            self._tare = self._tare.after(message)
            if event:
                self._look(event if isinstance(event, Weight) else None)
                self.take(event)

    def lost(self, device: str) -> None:
        """The line of a device is gone."""
        if device == self.settings.scale:
            self._seen, self._tare = None, Tare()
            self.take(ScaleGone())

    def tick(self) -> None:
        """Time has passed."""
        if self._paper.tick(utc_ms=self._moment().utc_ms):
            self._terms = offer.terms(self._paper.rules, self.settings)
        self.take(Tick())
        self._untare()

    def _untare(self) -> None:
        """A tare that somebody left on the empty scale goes: it is not the next one's."""
        plate, now_ms = self.session.plate, self._real_ms()
        if not (plate.is_empty(self._terms) and plate.is_tared()):
            return
        if self._untared_ms is None or now_ms - self._untared_ms >= UNTARE_MS:
            self._untared_ms = now_ms
            self.tell_scale("zero")

    def take(self, event: Event) -> None:
        """Something happened at the point. What comes of it is committed when this returns.

        What the journal cannot keep is not accepted, and nothing is until it can keep again.
        """
        is_told = self.session.handed_out is None or isinstance(event, Kept | events.NotKept)
        assert is_told, "nobody said what became of what was handed out"
        self.session, outcome = session.advance(
            self.session, event, terms=self._terms_now(), now_ms=self._real_ms()
        )
        try:
            kept = self._keep(outcome) if outcome else ""
        except NotKept:
            self.take(events.NotKept())
            return
        if kept:
            self.take(Kept(kept))

    def _terms_now(self) -> Terms:
        return self._terms if self._journal.takes else self._terms._replace(broken=BROKEN)

    def is_free(self) -> bool:
        """Nobody is depositing, and the scale says that nothing lies on it."""
        plate = self.session.plate
        is_bare = plate.weight is not None and not plate.is_loaded(self._terms)
        return is_bare and not is_under_way(self.session)

    def _look(self, weight: Weight | None) -> None:
        """How long the scale has shown the same, for the operator's test weight."""
        now_ms, before = self._real_ms(), self._seen
        is_same = (
            weight is not None
            and before is not None
            and now_ms - self._seen_ms <= SEEN_MS
            and abs(weight.gross_mg - before.gross_mg) <= self._terms.division_mg
        )
        if not is_same:
            self._same_since_ms = now_ms
        self._seen, self._seen_ms = weight, now_ms

    # What comes of it

    def _keep(self, outcome: Outcome) -> str:
        """Write down what came of it; the id of the deposit that was kept or taken back, or ""."""
        match outcome:
            case Deposit():
                return self._deposit(outcome)
            case Undone(deposit):
                booked = self._book.find(deposit)
                if booked and booked.now:
                    self._book.correct(booked, fraction="", by=records.MEMBER, reason=UNDONE)
                    log.info("deposit_undone", deposit=deposit)
                return deposit
            case Refused(reason, fraction):
                self.refusals[reason] += 1
                if self._journal.takes:
                    self._book.refuse(outcome)
                log.info("deposit_refused", reason=reason, fraction=fraction)
        return ""

    def _deposit(self, given: Deposit) -> str:
        deposit = os.urandom(16).hex()
        claim = cards.claim(slips.code(deposit, self._secret), self._owner.card_key)
        self._book.keep(given, deposit=deposit, claim=claim, division_mg=self._terms.division_mg)
        log.info("deposit_kept", deposit=deposit, fraction=given.fraction, net_mg=given.net_mg)
        return deposit

    # What is shown

    def view(self) -> View:
        """What the screen shows now."""
        view = view_of(self.session, terms=self._terms_now(), now_ms=self._real_ms())
        slip = self._slip(view.slip) if view.slip else None
        about, asset = self._about(view, slip)
        link = "up" if self.is_linked() else "down"
        return view._replace(about=about, asset=asset, link=link, slip=slip)

    def _about(self, view: View, slip: Slip | None) -> tuple[str, str]:
        """What the deposit under way may come to, or that of the slip."""
        rules, shown = self._paper.rules, view if view.fraction else slip or view
        fraction = self._terms.fractions.get(shown.fraction)
        if rules is None or fraction is None:
            return "", ""
        if fraction.unit == "kg":
            return rules.about(fraction.id, net_mg=shown.net_mg, pieces=None)
        return rules.about(fraction.id, net_mg=None, pieces=shown.pieces)

    def _slip(self, shown: Slip) -> Slip:
        """The session knows which deposit it is; the rest is in the book."""
        booked = self._book.find(shown.deposit)
        if booked is None:
            return shown
        done = self._done(booked)
        said = self._credits.of(booked.deposit, is_sent=False)
        return Slip(
            deposit=booked.deposit,
            fraction=booked.now or booked.fraction,
            net_mg=booked.net_mg,
            pieces=booked.pieces,
            code=done.code,
            state=done.state,
            amount=done.amount,
            asset=done.asset,
            nl=said.nl,
            en=said.en,
            undo_s=shown.undo_s,
        )

    def _done(self, booked: Booked) -> Done:
        said = self._credits.of(booked.deposit, is_sent=self._book.is_sent(booked))
        return Done(
            deposit=booked.deposit,
            at_ms=booked.at_ms,
            fraction=booked.fraction,
            net_mg=booked.net_mg,
            pieces=booked.pieces,
            code=slips.code(booked.deposit, self._secret),
            by_operator=booked.by_operator,
            now=booked.now,
            by=booked.by,
            reason=booked.reason,
            state=said.state if booked.now else WITHDRAWN,
            amount=said.amount if booked.now else "",
            asset=said.asset if booked.now else "",
        )

    def offer(self) -> Offer:
        """What can be chosen here."""
        full = frozenset(one.fraction for one in self.containers() if one.is_full)
        shown = offer.offer(self._paper.rules, self.settings, full=full)
        return shown if self._journal.takes else shown._replace(closed=BROKEN)

    def deposits(self) -> tuple[Done, ...]:
        """Today's deposits with what became of them, the newest first."""
        today = self._day(self._moment().utc_ms)
        return tuple(
            self._done(booked)
            for booked in self._book.newest()
            if booked.at_ms is None or self._day(booked.at_ms) == today
        )

    def _day(self, utc_ms: int | None) -> date | None:
        zone: tzinfo = self._paper.rules.zone if self._paper.rules else UTC
        return None if utc_ms is None else datetime.fromtimestamp(utc_ms / 1000, zone).date()

    def containers(self) -> tuple[Container, ...]:
        """Each fraction's container; also one with something in it that is taken in no more."""
        units = {one.id: one.unit for one in self._terms.fractions.values()}
        for fraction in self._book.containers.fractions():
            units.setdefault(fraction, "kg")
        full = {id_: mass_mg(mass) for id_, mass in self.settings.containers.items()}
        return self._book.containers.all(units, full)

    def test_weights(self) -> tuple[TestWeight, ...]:
        return self._book.test_weights()

    def health(self) -> dict[str, object]:
        """How the point fares, for the hub: nothing of anybody."""
        rules = self._paper.rules
        return {
            "policy": rules.valid_from.isoformat() if rules else "",
            "policies_refused": self._paper.refused,
            "credits_forged": self._credits.forged,
            "refusals": dict(self.refusals),
        }

    # What the hub says

    def new_policy(self, data: bytes) -> None:
        """A paper on the policy's topic; one that no steward signed is counted and ignored."""
        if self._paper.take(data, utc_ms=self._moment().utc_ms):
            self._terms = offer.terms(self._paper.rules, self.settings)

    def new_credit(self, data: bytes) -> None:
        """What became of a deposit; a word that is not the bridge's is counted and ignored."""
        if reason := self._credits.take(data):
            log.warning("credit_forged", reason=reason, count=self._credits.forged)

    # What the operator does; each raises PeopleError

    def sign_in(self, pin: str) -> bool:
        """Whether it is the operator's PIN, who is here from now on."""
        if self._door is None:
            problem = Problem("this point has no PIN", WHERE, "meterkast kiosk pin")
            raise PeopleError(problem)
        is_right = self._door.knock(pin)
        if is_right:
            self.take(Operator(is_here=True))
        log.info("operator_came" if is_right else "pin_was_wrong")
        return is_right

    def sign_out(self) -> None:
        self.take(Operator(is_here=False))

    def _demand_operator(self) -> None:
        """The operator is here and busy, which keeps them signed in."""
        if self.session.operator_ms is None:
            raise PeopleError(Problem("nobody is signed in", WHERE, "sign in with the PIN"))
        self.take(Operator(is_here=True))

    def correct(self, deposit_id: str, *, fraction: str, reason: str) -> None:
        """Make a deposit one of another fraction, or take it back with fraction ""."""
        self._demand_operator()
        booked, reason = self._book.find(deposit_id), reason.strip()
        fractions = self._terms.fractions
        if booked is None:
            raise _problem(f"no deposit {deposit_id!r} is known here", "one of the day sheet")
        if fraction and fraction not in fractions:
            raise _problem(f"no fraction is called {fraction!r}", f"one of: {', '.join(fractions)}")
        unit = "kg" if booked.net_mg is not None else "piece"
        if fraction and fractions[fraction].unit != unit:
            what = f"{fraction!r} is counted by the {fractions[fraction].unit}, this by the {unit}"
            raise _problem(what, "take it back, and have it deposited again")
        if fraction == booked.now:
            raise _problem("it is so already", "another fraction")
        if not 0 < len(reason) <= records.REASON_CHARS_MAX:
            what = f"a reason of {len(reason)} characters"
            raise _problem(what, f"1 to {records.REASON_CHARS_MAX}")
        self._book.correct(booked, fraction=fraction, by=records.OPERATOR, reason=reason)
        if not fraction:
            self.session = forgotten(self.session, deposit_id)
        log.info("deposit_corrected", deposit=deposit_id, fraction=fraction)

    def test_weight(self, nominal_mg: int) -> TestWeight:
        """Write down what the scale shows for the weight that lies on it now."""
        self._demand_operator()
        _demand_mass(nominal_mg)
        weight, now_ms = self._seen, self._real_ms()
        if weight is None or now_ms - self._seen_ms > SEEN_MS:
            raise _problem("the scale shows no weight", "look at the scale and its cable")
        is_judged = weight.steady == "yes" or now_ms - self._same_since_ms >= SAME_MS
        if not is_judged:
            raise _problem("the weight is not steady yet", "let go of it and wait")
        test = self._book.test(nominal_mg, weight, division_mg=self._terms.division_mg)
        log.info("test_weight", nominal_mg=nominal_mg, shown_mg=weight.gross_mg)
        return test

    def emptied(self, fraction: str, hauled_mg: int | None = None) -> str:
        """A container was emptied just now; gives the id of the emptying."""
        self._demand_operator()
        known = [one.fraction for one in self.containers()]
        if fraction not in known:
            raise _problem(f"no container is for {fraction!r}", f"one of: {', '.join(known)}")
        if hauled_mg is not None:
            _demand_mass(hauled_mg)
        emptying = os.urandom(16).hex()
        self._book.empty(fraction, emptying=emptying, hauled_mg=hauled_mg)
        log.info("container_emptied", fraction=fraction, emptying=emptying, hauled_mg=hauled_mg)
        return emptying

    def hauled(self, emptying: str, hauled_mg: int) -> None:
        """What the haulier weighed of an emptying; said again, the last one counts."""
        self._demand_operator()
        _demand_mass(hauled_mg)
        fraction = self._book.containers.fraction_of(emptying)
        if not fraction:
            raise _problem(f"no emptying {emptying!r} is known here", "one of the list")
        self._book.haul(fraction, emptying=emptying, hauled_mg=hauled_mg)
        log.info("container_hauled", fraction=fraction, emptying=emptying, hauled_mg=hauled_mg)

    def zero(self) -> None:
        """Have the scale take what it feels now for nothing."""
        self._demand_operator()
        # Nobody wants a bag to be nothing; mud is wiped off, and less than nothing can be mended.
        if self._seen and self._seen.gross_mg >= deposit_mg_min(self._terms):
            raise _problem("something lies on the scale", "take it off, then zero")
        if not self.tell_scale("zero"):
            what = "the scale takes no commands, or its line is lost"
            raise _problem(what, "the zero key of the scale itself")
        log.info("scale_zeroed")


def _past(booked: Booked, *, at_ms: int) -> Past:
    """A deposit as the session remembers it, at a time of its own clock."""
    return Past(
        deposit=booked.deposit,
        fraction=booked.now,
        card=booked.card,
        club=booked.club,
        net_mg=booked.net_mg,
        pieces=booked.pieces,
        at_ms=at_ms,
        crate_mg=booked.crate_mg,
    )


def _problem(what: str, try_: str) -> PeopleError:
    return PeopleError(Problem(what, WHERE, try_))


def _demand_mass(mass: int) -> None:
    if not 0 < mass <= MASS_MG_MAX:
        raise _problem(f"a mass of {mass} mg", f"more than nothing, at most {MASS_MG_MAX} mg")
