"""What holds of every deposit session, whatever scale, people and clock do."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kiosk.events import (
    REASONS,
    Cancel,
    Card,
    Choose,
    Confirm,
    Deposit,
    Event,
    ForClub,
    Kept,
    NoCard,
    NotAccepted,
    Operator,
    Outcome,
    OutOfRange,
    Pieces,
    Refused,
    ScaleGone,
    Terms,
    Tick,
    Undo,
    Undone,
    Unreadable,
    UseCrate,
    Weight,
)
from gateway.kiosk.picture import view_of
from gateway.kiosk.sentences import SENTENCES, UNREADABLE
from gateway.kiosk.session import advance
from gateway.kiosk.standing import Session
from tests.told import BAG_MG, BY_CLOCK, STEP_MS, TERMS, D, tell, weight

CONFIRMING = (Confirm, Choose, Card, NoCard, ForClub)
SCALE = (Weight, OutOfRange, Unreadable, ScaleGone)

masses = st.sampled_from([0, 0, 0, 5_000, -20_000, 60_000, BAG_MG, BAG_MG, BAG_MG + D, 9 * BAG_MG])
steadiness = st.sampled_from(["yes", "yes", "yes", "yes", "no", "unjudged", "perhaps"])
weights = st.builds(
    lambda gross_mg, tare_mg, steady: weight(gross_mg, tare_mg=tare_mg, steady=steady),
    masses,
    st.sampled_from([0, 0, 0, 1_500_000]),
    steadiness,
)
acts = st.one_of(
    st.builds(Card, st.sampled_from(["noor", "sam"])),
    st.builds(Choose, st.sampled_from(["glass", "glass", "paper", "lamps", "paint", "gold"])),
    st.builds(Pieces, st.integers(-1, 101)),
    st.builds(UseCrate, st.sampled_from(["", "blue", "red"])),
    st.builds(ForClub, st.sampled_from(["vv-dorp", "nobody"])),
    st.builds(NotAccepted, st.sampled_from([*REASONS, "ugly"])),
    st.builds(Operator, st.booleans()),
    st.sampled_from([NoCard(), Confirm(), Confirm(), Cancel(), Undo()]),
)
scale_words = st.one_of(
    weights,
    st.builds(OutOfRange, st.sampled_from(["over", "under"])),
    st.builds(Unreadable, st.sampled_from(["unit", "tilt"])),
    st.just(ScaleGone()),
)
others = st.one_of(
    acts,
    scale_words,
    st.just(Tick()),
    st.builds(lambda n: Kept(f"early{n}"), st.integers(0, 10**6)),
)
# The same weight several times, so that the random walk passes through deposits too.
runs = st.builds(
    lambda gross_mg, tare_mg, flags: [weight(gross_mg, tare_mg=tare_mg, steady=f) for f in flags],
    masses,
    st.sampled_from([0, 0, 0, 1_500_000]),
    st.lists(steadiness, min_size=3, max_size=6),
)
NOORS_STORY = [*[weight(0)] * 4, Card("noor"), Tick(), Choose("glass"), *[weight(BAG_MG)] * 7]
straight = st.sampled_from(
    [
        [weight(0)] * 4,
        [weight(BAG_MG)] * 7,
        [weight(3 * BAG_MG)] * 7,
        [Card("noor"), Tick(), Tick(), Choose("glass")],
        [Choose("lamps"), Pieces(2), Tick(), Tick(), Tick(), NoCard()],
        [*NOORS_STORY, Confirm(), Tick(), Tick(), Tick(), Undo()],
        [*NOORS_STORY, Confirm(), *NOORS_STORY, Confirm()],
        [*NOORS_STORY, Cancel(), Tick(), Tick(), Tick(), Confirm()],
    ]
)
moves = st.one_of(runs, straight, straight, st.builds(lambda one: [one], others))
scripts = st.lists(
    st.tuples(moves, st.sampled_from([100, 250, 250, 250, 250, 900, 2_500, 50_000])),
    min_size=5,
    max_size=40,
)


class Heard(NamedTuple):
    """What an onlooker has written down: an event, and when."""

    event: Event
    at_ms: int


def judged(one: Event, terms: Terms) -> str:
    """Whether the scale, or only the clock, may call this weight steady."""
    if not isinstance(one, Weight):
        return ""
    if one.steady == "yes":
        return "scale"
    return "clock" if one.steady == "unjudged" or terms.steady_by_clock else ""


def standing_still(heard: list[Heard], terms: Terms) -> list[Heard]:
    """The weights at the end that are one within a division, none more than two seconds apart."""
    still: list[Heard] = []
    for one in reversed([one for one in heard if isinstance(one.event, SCALE)]):
        if not judged(one.event, terms):
            break
        if still and still[-1].at_ms - one.at_ms > 2_000:
            break
        # Both are within a division of the first of the row, which is not known from behind.
        if still and abs(still[0].event.gross_mg - one.event.gross_mg) > 2 * D:
            break
        still.append(one)
    return still


def has_settled(still: list[Heard], terms: Terms) -> bool:
    said = []
    for one in still:
        if judged(one.event, terms) != "scale":
            break
        said.append(one)
    by_scale = len(said) >= 3 and said[0].at_ms - said[-1].at_ms >= 400
    return by_scale or (len(still) >= 3 and still[0].at_ms - still[-1].at_ms >= 3_000)


def empty_now(heard: list[Heard], terms: Terms) -> list[Heard]:
    """The zeros at the end, which whoever is next need not wait for again."""
    still = standing_still(heard, terms)
    return [one for one in reversed(still) if abs(one.event.gross_mg) <= 10_000 + D]


def was_empty(heard: list[Heard], terms: Terms) -> bool:
    """Whether there was a zero that had settled."""
    so_far = (heard[: n + 1] for n, one in enumerate(heard) if isinstance(one.event, SCALE))
    return any(has_settled(empty_now(some, terms)[::-1], terms) for some in so_far)


def check_deposit(made: Deposit, heard: list[Heard], terms: Terms) -> None:
    """`heard` is everything since the deposit before, the act that confirmed it last."""
    events = [one.event for one in heard]
    act, now_ms = heard[-1]
    assert isinstance(act, CONFIRMING)
    assert Choose(made.fraction) in events
    assert not made.card or Card(made.card) in events
    assert not made.club or ForClub(made.club) in events
    assert made.card or made.club or NoCard() in events
    assert was_empty(heard, terms)
    fraction = terms.fractions[made.fraction]
    assert made.by_operator or not fraction.by_operator
    if fraction.unit == "piece":
        assert Pieces(made.pieces) in events
        assert (made.net_mg, made.weight) == (None, None)
        return
    still = standing_still(heard, terms)
    assert now_ms - still[0].at_ms <= 2_000
    assert has_settled([one for one in still if now_ms - one.at_ms >= 700], terms)
    assert made.weight in [one.event for one in still]
    assert abs(made.weight.net_mg - still[0].event.net_mg) <= D
    assert made.weight.tare_mg == 0
    assert made.net_mg == made.weight.net_mg - made.crate_mg
    assert made.net_mg >= 100_000
    assert fraction.most is None or made.net_mg <= fraction.most


class Onlooker:
    """Writes down what happens since the deposit before, and what was kept; and checks the rest."""

    def __init__(self, terms: Terms) -> None:
        self.handed_out: Deposit | Undone | None = None
        self._terms = terms
        self._heard: list[Heard] = []
        self._kept: dict[str, tuple[Deposit, int]] = {}
        self._was_refused = False

    def sees(self, event: Event, outcome: Outcome | None, now_ms: int) -> None:
        self._heard.append(Heard(event, now_ms))
        if isinstance(event, Cancel):
            self._heard = [one for one in self._heard if isinstance(one.event, SCALE)]
        # Nothing comes between what was handed out and its commit.
        assert self.handed_out is None or outcome is None
        match outcome:
            case Deposit():
                check_deposit(outcome, self._heard, self._terms)
                self._check_is_another_bag(outcome, now_ms)
                self.handed_out = outcome
            case Undone(deposit):
                self.handed_out = outcome
                _, at_ms = self._kept[deposit]
                assert now_ms - at_ms < 300_000
            case Refused(reason, _, gross_mg):
                assert reason in SENTENCES
                is_another = not self._was_refused or was_empty(self._heard, self._terms)
                assert gross_mg is None or is_another
        if isinstance(outcome, Deposit | Refused):
            # The same load gives no second outcome: that needs all of it anew.
            self._heard = empty_now(self._heard, self._terms)
            self._was_refused = isinstance(outcome, Refused)

    def sees_kept(self, id_: str, now_ms: int) -> None:
        match self.handed_out:
            case Deposit():
                self._kept[id_] = (self.handed_out, now_ms)
            case Undone(deposit):
                del self._kept[deposit]
        self.handed_out = None

    def _check_is_another_bag(self, made: Deposit, now_ms: int) -> None:
        for before, at_ms in self._kept.values():
            is_same = before.fraction == made.fraction and now_ms - at_ms <= 600_000
            if is_same and before.net_mg is not None and made.net_mg is not None:
                assert made.by_operator or abs(before.net_mg - made.net_mg) > 2 * D


@pytest.mark.parametrize("terms", [TERMS, BY_CLOCK], ids=["by the scale", "by the clock"])
@settings(max_examples=150)
@given(script=scripts)
def test_whatever_happens_a_deposit_had_all_it_needs_and_a_zero_of_its_own(
    terms: Terms, script: list[tuple[list[Event], int]]
) -> None:
    session, now_ms, onlooker = Session(), 0, Onlooker(terms)
    for event, wait_ms in ((event, wait_ms) for move, wait_ms in script for event in move):
        now_ms += wait_ms
        was_handed_out = onlooker.handed_out
        session, outcome = advance(session, event, terms=terms, now_ms=now_ms)
        if isinstance(event, Kept):
            onlooker.sees_kept(event.deposit, now_ms)
        onlooker.sees(event, outcome, now_ms)
        view = view_of(session, terms=terms, now_ms=now_ms)
        assert (view.nl, view.en) == SENTENCES[view.word]
        assert view.word != UNREADABLE
        assert 0 <= view.steady_pct <= 100
        assert not isinstance(onlooker.handed_out, Deposit) or view.slip is None
        # Most of the time the journal is quick; now and then things happen meanwhile.
        if onlooker.handed_out and (was_handed_out or now_ms % 3):
            id_ = getattr(onlooker.handed_out, "deposit", f"d{now_ms}")
            session, _ = advance(session, Kept(id_), terms=terms, now_ms=now_ms)
            onlooker.sees_kept(id_, now_ms)


def test_the_random_walk_comes_to_every_kind_of_outcome() -> None:
    seen: set[str] = set()

    @settings(max_examples=100, derandomize=True, database=None)
    @given(script=scripts)
    def walk(script: list[tuple[list[Event], int]]) -> None:
        told = tell(*(step for move, wait_ms in script for step in slowly(move, wait_ms)))
        seen.update(type(one).__name__ for one in told.outcomes)

    walk()
    assert {"Deposit", "Refused", "Undone"} == seen


def slowly(move: list[Event], wait_ms: int) -> list[Event | int]:
    return [step for event in move for step in (wait_ms - STEP_MS, event)]
