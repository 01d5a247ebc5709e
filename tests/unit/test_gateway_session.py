"""The deposit session: one load, one card, one fraction, one steady weight, one deposit."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kiosk import session
from gateway.kiosk.session import (
    Card,
    Deposit,
    Event,
    Fraction,
    Kept,
    OutOfRange,
    Session,
    Tick,
    Weight,
    advance,
)

EMPTY = Weight(0, stable=True)
BAG = Weight(3_250_000, stable=True)


class Told(NamedTuple):
    session: Session
    deposits: list[Deposit]


def tell(*events: Event | int, start: Session | None = None) -> Told:
    """Each event 200 ms after the one before; a number waits so many ms more."""
    state, deposits, now_ms = start or Session(), [], 0
    for event in events:
        if isinstance(event, int):
            now_ms += event
            continue
        now_ms += 200
        state, deposit = advance(state, event, now_ms=now_ms)
        if deposit:
            deposits.append(deposit)
            state, _ = advance(state, Kept(), now_ms=now_ms)
    return Told(state, deposits)


def test_card_fraction_and_a_steady_weight_make_a_deposit() -> None:
    told = tell(EMPTY, Card("noor"), Fraction("glass"), BAG, BAG, BAG)
    assert told.deposits == [Deposit("noor", "glass", BAG, 3)]
    assert told.session.phase == "accepted"


def test_nothing_is_accepted_before_the_journal_has_it() -> None:
    state = tell(EMPTY, Card("noor"), Fraction("glass"), BAG, BAG).session
    state, deposit = advance(state, BAG, now_ms=2_000)
    assert deposit is not None
    assert state.phase == "weighing"
    again, deposit = advance(state, BAG, now_ms=2_200)
    assert (again.phase, deposit) == ("weighing", None)


def test_the_next_card_goes_on_after_a_zero() -> None:
    deposit = (Card("noor"), Fraction("glass"), BAG, BAG, BAG)
    told = tell(EMPTY, *deposit, EMPTY, *deposit)
    assert len(told.deposits) == 2


def test_the_same_bag_is_not_weighed_twice() -> None:
    deposit = (Card("noor"), Fraction("glass"), BAG, BAG, BAG)
    told = tell(EMPTY, *deposit, *deposit, BAG)
    assert len(told.deposits) == 1
    assert told.session.sentence == session.SENTENCES["off_first"]


def test_nothing_happens_before_the_first_zero() -> None:
    assert tell(BAG, Card("noor"), Fraction("glass"), BAG, BAG, BAG).deposits == []


def test_two_cards_are_refused() -> None:
    told = tell(EMPTY, Card("noor"), Card("sam"), Fraction("glass"), BAG, BAG, BAG)
    assert told.deposits == []
    assert told.session.sentence == session.SENTENCES["two_cards"]


def test_no_fraction_in_time_is_refused() -> None:
    told = tell(EMPTY, Card("noor"), 30_000, Tick())
    assert told.session.sentence == session.SENTENCES["no_fraction"]


def test_a_weight_that_never_steadies_is_refused() -> None:
    creeping = [Weight(1_000_000 + 5_000 * i, stable=True) for i in range(300)]
    told = tell(EMPTY, Card("noor"), Fraction("glass"), *creeping)
    assert told.deposits == []
    assert told.session.sentence == session.SENTENCES["no_weight"]


def test_a_moment_over_the_range_is_forgiven_and_staying_there_is_not() -> None:
    over = OutOfRange("over")
    ready = (EMPTY, Card("noor"), Fraction("glass"))
    assert len(tell(*ready, over, over, BAG, BAG, BAG).deposits) == 1
    assert tell(*ready, *[over] * 6).session.sentence == session.SENTENCES["over"]


def test_too_light_is_refused() -> None:
    feather = Weight(49_000, stable=True)
    told = tell(EMPTY, Card("noor"), Fraction("glass"), feather, feather, feather)
    assert told.session.sentence == session.SENTENCES["too_light"]


def test_a_weight_that_is_said_to_move_is_not_taken() -> None:
    moving = BAG._replace(stable=False)
    told = tell(EMPTY, Card("noor"), Fraction("glass"), moving, moving, moving, BAG, BAG, moving)
    assert told.deposits == []


def test_two_weights_are_too_few_and_three_in_a_blink_are_too_soon() -> None:
    ready = (EMPTY, Card("noor"), Fraction("glass"))
    assert tell(*ready, BAG, 800, BAG).deposits == []
    assert tell(*ready, BAG, -150, BAG, -150, BAG).deposits == []


def test_a_weight_from_before_the_scale_fell_silent_is_stale() -> None:
    told = tell(EMPTY, Card("noor"), Fraction("glass"), BAG, BAG, 2_000, BAG)
    assert told.deposits == []


def test_the_outcome_goes_once_the_scale_is_empty_and_it_was_shown() -> None:
    done = (EMPTY, Card("noor"), Fraction("glass"), BAG, BAG, BAG)
    assert tell(*done, 10_000, Tick()).session.phase == "accepted"
    assert tell(*done, EMPTY, 5_000, Tick()).session.phase == "idle"


weights = st.builds(
    Weight,
    st.sampled_from([0, 0, 5_000, -20_000, 49_000, 1_000_000, 1_000_000, 2_000_000]),
    st.sampled_from([True, True, True, False]),
)
events = st.one_of(
    weights,
    weights,
    st.builds(Card, st.sampled_from(["noor", "sam"])),
    st.builds(Fraction, st.sampled_from(["glass", "paper"])),
    st.builds(OutOfRange, st.sampled_from(["over", "under"])),
    st.just(Tick()),
    st.just(Kept()),
)
# Short runs of the same weight, so that the random walk passes through deposits too.
runs = st.builds(
    lambda weight, flags: [Weight(weight, flag) for flag in flags],
    st.sampled_from([0, 49_000, 1_000_000, 2_000_000]),
    st.lists(st.sampled_from([True, True, True, False]), min_size=1, max_size=5),
)
moves = st.one_of(
    runs,
    runs,
    st.just([EMPTY, Card("noor"), Fraction("glass")]),
    st.builds(lambda event: [event], events),
)
scripts = st.lists(st.tuples(moves, st.sampled_from([100, 250, 250, 900, 6_000])), max_size=30)


@settings(max_examples=300)
@given(scripts)
def test_whatever_happens_a_deposit_had_card_fraction_steady_weight_and_its_own_zero(
    script: list[tuple[list[Event], int]],
) -> None:
    state, now_ms = Session(), 0
    cards: set[str] = set()
    fractions: set[str] = set()
    zero_seen = False
    row: list[tuple[Weight, int]] = []
    for event, wait_ms in ((event, wait_ms) for move, wait_ms in script for event in move):
        now_ms += wait_ms
        if isinstance(event, Card):
            cards.add(event.token)
        if isinstance(event, Fraction):
            fractions.add(event.name)
        if isinstance(event, Weight):
            zero_seen |= event.stable and abs(event.net_mg) <= 10_000
            same = row and event.stable and row[-1][0] == event
            row = [*row, (event, now_ms)] if same else [(event, now_ms)]
        elif isinstance(event, OutOfRange):
            row = []
        state, deposit = advance(state, event, now_ms=now_ms)
        if deposit:
            assert deposit.card in cards
            assert deposit.fraction in fractions
            assert zero_seen
            last = row[-3:]
            assert [weight for weight, _ in last] == [deposit.weight] * 3
            assert now_ms - row[0][1] >= 400
            assert deposit.weight.stable
            assert deposit.weight.net_mg >= 50_000
            state, _ = advance(state, Kept(), now_ms=now_ms)
            # The same load gives no second deposit: it needs all of it anew.
            cards, fractions, zero_seen, row = set(), set(), False, []
