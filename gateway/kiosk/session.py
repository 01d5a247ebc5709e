"""The deposit session: card, fraction, a stable weight, accepted. Pure; the clock is passed in.

A load is what lies on the scale between two stable zeros: one load is at most one deposit.
Mass is fact: unstable, over, under and stale weights are never accepted.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

# Equal stable weights, and the real time that they span: a scale may say "stable" too early.
STABLE_COUNT = 3
STABLE_SPAN_MS = 400
# A scale that was silent for so long may have been unplugged: what it said before is stale.
STALE_MS = 2_000
# An empty plate in the rain, and the least that is worth a deposit.
ZERO_MG_MAX = 10_000
DEPOSIT_MG_MIN = 50_000
# A bag that drops is over the range for a moment; one that stays so is too heavy.
OUT_OF_RANGE_MS = 1_000
# Somebody walked away.
FRACTION_MS_MAX = 30_000
WEIGHT_MS_MAX = 60_000
# How long the outcome stays on the screen once the scale is empty.
SHOWN_MS = 5_000

CLEAR, IDLE, CARD, WEIGHING, ACCEPTED, REFUSED = (
    "clear",
    "idle",
    "card",
    "weighing",
    "accepted",
    "refused",
)

SENTENCES = {
    "clear": "Take everything off the scale.",
    "idle": "Tap your card.",
    "card_first": "Tap your card first, then the tag of the fraction.",
    "card": "Tap the tag of what you bring.",
    "weighing": "Put it on the scale and let go.",
    "accepted": "Kept. Thank you. Take it off the scale.",
    "last": "Your last deposit was kept. Take everything off the scale.",
    "off_first": "Take it off the scale first, then tap the next card.",
    "two_cards": "Two cards were tapped. Nothing was kept; start again with one.",
    "no_fraction": "No fraction was chosen in time. Nothing was kept.",
    "no_weight": "The scale found no steady weight in time. Nothing was kept.",
    "too_light": "That is too light to weigh. Nothing was kept.",
    "over": "That is too heavy for this scale. Nothing was kept.",
    "under": "The scale says less than nothing. Nothing was kept; clear it and start again.",
}


class Card(NamedTuple):
    token: str


class Fraction(NamedTuple):
    name: str


class Weight(NamedTuple):
    """`gross_mg` and `tare_mg` are what the scale says beside `net_mg`; `raw` is its line."""

    net_mg: int
    stable: bool
    gross_mg: int = 0
    tare_mg: int = 0
    raw: bytes = b""


class OutOfRange(NamedTuple):
    """The scale is over or under its range; `which` is "over" or "under"."""

    which: str


class Tick(NamedTuple):
    """Only time has passed."""


class Kept(NamedTuple):
    """The journal has committed the deposit that was handed out."""


Event = Card | Fraction | Weight | OutOfRange | Tick | Kept


class Deposit(NamedTuple):
    """What is to be committed: who, what, and the weight that was seen `times` in a row."""

    card: str
    fraction: str
    weight: Weight
    times: int


@dataclass(frozen=True, slots=True)
class Settling:
    """Equal stable weights in a row."""

    weight: Weight
    times: int
    since_ms: int
    last_ms: int

    def is_settled(self) -> bool:
        return self.times >= STABLE_COUNT and self.last_ms - self.since_ms >= STABLE_SPAN_MS

    def goes_on_with(self, weight: Weight, now_ms: int) -> bool:
        is_equal = weight._replace(raw=b"") == self.weight._replace(raw=b"")
        return is_equal and now_ms - self.last_ms <= STALE_MS


@dataclass(frozen=True, slots=True)
class Session:
    """Where the session stands. `emptied` says that this load's zero before has been seen.

    `phase` is one of clear, idle, card, weighing, accepted, refused; `handed_out` is true between
    a deposit and its `Kept`.
    """

    phase: str = CLEAR
    sentence: str = SENTENCES["clear"]
    card: str = ""
    fraction: str = ""
    since_ms: int = 0
    emptied: bool = False
    settling: Settling | None = None
    out_since_ms: int | None = None
    handed_out: Deposit | None = field(default=None)


Outcome = tuple[Session, Deposit | None]


def advance(session: Session, event: Event, *, now_ms: int) -> Outcome:
    """The session after `event` at real monotonic `now_ms`, and the deposit to commit, if any.

    While a deposit is handed out only `Kept` is heard: nothing is accepted before the commit.
    """
    if session.handed_out:
        if isinstance(event, Kept):
            return _to(session, ACCEPTED, "accepted", now_ms=now_ms), None
        return session, None
    if isinstance(event, Weight):
        return _weight(session, event, now_ms)
    match event:
        case Card(token):
            after = _card(session, token, now_ms)
        case Fraction(name):
            after = _fraction(session, name, now_ms)
        case OutOfRange(which):
            after = _out_of_range(session, which, now_ms)
        case Tick() | Kept():
            after = _tick(session, now_ms)
    return after, None


def _to(session: Session, phase: str, sentence: str, *, now_ms: int) -> Session:
    """A new phase. Accepted and refused wait for a zero of their own; cards are forgotten."""
    if phase in {ACCEPTED, REFUSED}:
        return Session(phase=phase, sentence=SENTENCES[sentence], since_ms=now_ms)
    return replace(
        session, phase=phase, sentence=SENTENCES[sentence], since_ms=now_ms, settling=None
    )


def _card(session: Session, token: str, now_ms: int) -> Session:
    match session.phase:
        case "clear" | "accepted" | "refused" if not session.emptied:
            return replace(session, sentence=SENTENCES["off_first"])
        case "card" | "weighing":
            if token == session.card:
                return session
            return _to(session, REFUSED, "two_cards", now_ms=now_ms)
        case _:
            return _to(replace(session, card=token), CARD, "card", now_ms=now_ms)


def _fraction(session: Session, name: str, now_ms: int) -> Session:
    if session.phase in {CARD, WEIGHING}:
        if name == session.fraction:
            return session
        return _to(replace(session, fraction=name), WEIGHING, "weighing", now_ms=now_ms)
    if session.phase == IDLE:
        return replace(session, sentence=SENTENCES["card_first"])
    return session


def _weight(session: Session, weight: Weight, now_ms: int) -> Outcome:
    session = replace(session, out_since_ms=None)
    if weight.stable and abs(weight.net_mg) <= ZERO_MG_MAX:
        return _tick(_emptied(session, now_ms), now_ms), None
    if not weight.stable or weight.net_mg < 0:
        return _tick(replace(session, settling=None), now_ms), None
    so_far = session.settling
    if so_far and so_far.goes_on_with(weight, now_ms):
        settling = Settling(weight, so_far.times + 1, so_far.since_ms, now_ms)
    else:
        settling = Settling(weight, 1, now_ms, now_ms)
    session = replace(session, settling=settling)
    if session.phase != WEIGHING or not settling.is_settled():
        return _tick(session, now_ms), None
    if weight.net_mg < DEPOSIT_MG_MIN:
        return _to(session, REFUSED, "too_light", now_ms=now_ms), None
    assert session.emptied
    assert session.card
    assert session.fraction
    deposit = Deposit(session.card, session.fraction, weight, settling.times)
    return replace(session, handed_out=deposit), deposit


def _emptied(session: Session, now_ms: int) -> Session:
    session = replace(session, settling=None)
    if session.phase == CLEAR:
        return _to(replace(session, emptied=True), IDLE, "idle", now_ms=now_ms)
    return replace(session, emptied=True)


def _out_of_range(session: Session, which: str, now_ms: int) -> Session:
    since_ms = session.out_since_ms if session.out_since_ms is not None else now_ms
    session = replace(session, settling=None, out_since_ms=since_ms)
    if session.phase in {CARD, WEIGHING} and now_ms - since_ms >= OUT_OF_RANGE_MS:
        return _to(session, REFUSED, which, now_ms=now_ms)
    return _tick(session, now_ms)


def _tick(session: Session, now_ms: int) -> Session:
    waited_ms = now_ms - session.since_ms
    if session.phase == CARD and waited_ms >= FRACTION_MS_MAX:
        return _to(session, REFUSED, "no_fraction", now_ms=now_ms)
    if session.phase == WEIGHING and waited_ms >= WEIGHT_MS_MAX:
        return _to(session, REFUSED, "no_weight", now_ms=now_ms)
    if session.phase in {ACCEPTED, REFUSED} and session.emptied and waited_ms >= SHOWN_MS:
        return _to(replace(session, card="", fraction=""), IDLE, "idle", now_ms=now_ms)
    return session
