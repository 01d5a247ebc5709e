"""Where a deposit session stands: a value, and the questions that can be asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gateway.kiosk.events import Deposit, Fraction, Terms, Undone
from gateway.kiosk.settling import Load, Plate, deposit_mg_min
from gateway.kiosk.view import PUT, WHAT, WHOSE

# A second tap of the same finger is no answer to what the first one made appear.
UNSEEN_MS = 700
# Somebody walked away. Long enough to fetch a card out of a wet pocket.
IDLE_MS = 45_000
# A depositor may take a deposit back for so long; after that a steward decides.
UNDO_MS = 300_000
# The same weight within this long is taken for the same bag.
RECENT_MS = 600_000
# One deposit takes ten seconds.
RECENT_COUNT_MAX = 64
# A bag that was taken off and put down again may have lost or gained so much of its rounding.
SAME_DIVISIONS = 2
# An operator who does nothing that only operators do has left after so long.
OPERATOR_MS = 120_000

# What a session is about: a load under way; a deposit that was kept, here and before a restart, or
# taken back; or one turned away. Those of a slip are the words for it too.
OPEN, KEPT, LAST, UNDONE, TURNED_AWAY = "open", "kept", "last", "undone", "turned away"


class Past(NamedTuple):
    """A deposit that was kept here at `at_ms` of the session's clock, and not taken back.

    `crate_mg` was taken off to come to `net_mg`.
    """

    deposit: str
    fraction: str
    card: str
    club: str
    net_mg: int | None
    pieces: int | None
    at_ms: int
    crate_mg: int = 0


class Draft(NamedTuple):
    """What was said of a deposit so far. `has_no_card`: it is to be kept under a code."""

    fraction: str = ""
    pieces: int = 0
    crate: str = ""
    card: str = ""
    club: str = ""
    has_no_card: bool = False

    def who(self) -> str:
        if self.club:
            return "club"
        return "card" if self.card else "code" if self.has_no_card else ""


NOTHING_SAID = Draft()


@dataclass(frozen=True, slots=True)
class Session:
    """`load` is None until the scale has been seen empty; a draft needs one.

    `word` is why it was turned away, or what is said for a moment instead of the usual.
    `since_ms` is when the phase began, or went on; `act_ms` when somebody last said something new.
    `handed_out` waits for its `Kept`.
    """

    phase: str = OPEN
    word: str = ""
    plate: Plate = field(default_factory=Plate)
    load: Load | None = None
    draft: Draft = NOTHING_SAID
    since_ms: int = 0
    act_ms: int | None = None
    operator_ms: int | None = None
    handed_out: Deposit | Undone | None = None
    slip: Past | None = None
    recent: tuple[Past, ...] = ()


def forgotten(session: Session, deposit: str) -> Session:
    """The session once an operator has taken a deposit back: the same bag may come again."""
    recent = tuple(past for past in session.recent if past.deposit != deposit)
    return replace(session, recent=recent)


def resume(pasts: Sequence[Past], *, now_ms: int) -> Session:
    """A session after a restart: with the deposits of before, the oldest first.

    The last one is shown until the scale is empty, so that nobody weighs twice.
    """
    recent = pruned(tuple(pasts), now_ms)
    if not recent:
        return Session(since_ms=now_ms)
    return Session(LAST, since_ms=now_ms, slip=recent[-1], recent=recent)


def pruned(pasts: tuple[Past, ...], now_ms: int) -> tuple[Past, ...]:
    return tuple(past for past in pasts if now_ms - past.at_ms <= RECENT_MS)[-RECENT_COUNT_MAX:]


def fraction_of(session: Session, terms: Terms) -> Fraction | None:
    return terms.fractions.get(session.draft.fraction)


def is_counted(session: Session, terms: Terms) -> bool:
    """Whether what is under way goes by the piece."""
    fraction = fraction_of(session, terms)
    return fraction is not None and fraction.unit == "piece"


def is_under_way(session: Session) -> bool:
    load = session.load
    return session.draft != NOTHING_SAID or (load is not None and load.gross_mg is not None)


def missing(session: Session, terms: Terms) -> str:
    """The screen that asks for what is missing first, "" where all is there."""
    is_piecewise = is_counted(session, terms)
    if not is_piecewise and session.plate.settled(terms) is None:
        return PUT
    if not session.draft.fraction or (is_piecewise and not session.draft.pieces):
        return WHAT
    return "" if session.draft.who() else WHOSE


def crate_mg(session: Session, terms: Terms) -> int:
    crate = terms.crates.get(session.draft.crate)
    return crate.tare_mg if crate else 0


def shown_mg(session: Session, terms: Terms) -> int | None:
    """The net weight on the screen, without the crate; once it has settled it stands still."""
    row = session.plate.settled(terms)
    weight = row.first if row else session.plate.weight
    if weight is None:
        return None
    return weight.net_mg - (crate_mg(session, terms) if session.plate.is_loaded(terms) else 0)


def objection(session: Session, terms: Terms, now_ms: int) -> str:
    """Why what is all there cannot be kept as it is, "" where it can."""
    fraction = fraction_of(session, terms)
    assert fraction
    if fraction.by_operator and session.operator_ms is None:
        return "operator_needed"
    if fraction.unit == "piece":
        return _too_much(session.draft.pieces, fraction)
    row = session.plate.settled(terms)
    assert row
    net_mg = row.first.net_mg - crate_mg(session, terms)
    is_again = session.operator_ms is None and _is_again(session, net_mg, terms, now_ms)
    objections = {
        "crate": session.draft.crate and net_mg <= 0,
        "too_light": net_mg < deposit_mg_min(terms),
        "too_much": _too_much(net_mg, fraction),
        "same_bag": is_again,
    }
    return next((word for word, stands in objections.items() if stands), "")


def _too_much(amount: int, fraction: Fraction) -> str:
    return "too_much" if fraction.most is not None and amount > fraction.most else ""


def _is_again(session: Session, net_mg: int, terms: Terms, now_ms: int) -> bool:
    """Whether it weighs what was kept lately as the same fraction, or last of all as any.

    What lies in the same crate, or was taken out of it, is the same whatever was said of the crate.
    """
    weighed = [past for past in pruned(session.recent, now_ms) if past.net_mg is not None]
    return any(
        (past.fraction == session.draft.fraction or past is weighed[-1])
        and _weighs_as(past, net_mg, crate_mg(session, terms), terms)
        for past in weighed
    )


def _weighs_as(past: Past, net_mg: int, crate_mg: int, terms: Terms) -> bool:
    assert past.net_mg is not None
    less_mg = past.net_mg - net_mg
    apart_mg = min(abs(less_mg), abs(less_mg + past.crate_mg - crate_mg))
    return apart_mg <= SAME_DIVISIONS * terms.division_mg


def is_seen(session: Session, terms: Terms, now_ms: int) -> bool:
    """Whether people have had the time to see what an act would confirm."""
    row = None if is_counted(session, terms) else session.plate.settled(terms)
    settled_ms = row.settled_ms if row else None
    is_weight_seen = settled_ms is None or now_ms - settled_ms >= UNSEEN_MS
    return is_weight_seen and has_seen(session, now_ms)


def has_seen(session: Session, now_ms: int) -> bool:
    """Whether people have had the time to see what their last act made of it."""
    return session.act_ms is None or now_ms - session.act_ms >= UNSEEN_MS


def undoable(session: Session) -> Past | None:
    """The deposit that its depositor is looking at: on the slip, or of the card just tapped."""
    if session.phase in {KEPT, LAST}:
        return session.slip
    load, card = session.load, session.draft.card
    is_only_card = card and session.draft == Draft(card=card)
    if session.phase != OPEN or not is_only_card or load is None or load.gross_mg is not None:
        return None
    return next((past for past in reversed(session.recent) if past.card == card), None)


def undo_ms(past: Past, now_ms: int) -> int:
    """How long it can still be taken back."""
    return max(0, past.at_ms + UNDO_MS - now_ms)
