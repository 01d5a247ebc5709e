"""One quarter-hour, shared by each key: exact sums, nobody above their use, no order of members."""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.settle.sharing import (
    Split,
    fixed,
    hybrid,
    pro_rata,
    rounded,
    rounds,
    share,
)

# Whatever the key says, of at most eight members.
MWH = st.integers(0, 10_000_000)
HOMES = st.lists(st.tuples(MWH, st.integers(0, 1_000)), min_size=1, max_size=8)


def splits(weights: Sequence[int]) -> list[Split]:
    """Every kind of key, with these weights where it has any."""
    whole = max(1, sum(weights) + sum(weights) % 7)
    return [
        pro_rata,
        partial(fixed, weights=weights, whole=whole),
        partial(hybrid, weights=weights, whole=whole),
        partial(rounds, weights=weights),
        partial(rounds, weights=[1] * len(weights)),
    ]


few = settings(max_examples=40)
each_key = pytest.mark.parametrize(
    "kind", range(5), ids=["pro-rata", "static", "hybrid", "rounds", "equal"]
)


@pytest.mark.parametrize(
    ("taken", "produced", "used", "split"),
    [
        # 100 x 30/120 and 100 x 90/120.
        ([25, 75], 100, [30, 90], pro_rata),
        # More than is used: everybody gets what they used.
        ([30, 90], 200, [30, 90], pro_rata),
        # 10 x 1/3 each is 3 1/3: one is missing, and goes to the first.
        ([4, 3, 3], 10, [50, 50, 50], pro_rata),
        # 100 x 1/4 and 100 x 3/4, of which the second uses 40 only; 35 are left over.
        ([25, 40], 100, [30, 40], partial(fixed, weights=[1, 3], whole=4)),
        # Shares that add up to 3/4 leave a quarter over, whatever is used.
        ([50, 25], 100, [90, 90], partial(fixed, weights=[2, 1], whole=4)),
        # First 25 and 40, then 35 for the 5 that the first still needs.
        ([30, 40], 100, [30, 40], partial(hybrid, weights=[1, 3], whole=4)),
        # First 50 and 10, then 40 in proportion to the 150 and 50 still needed by the others.
        ([50 + 30, 10, 10], 100, [200, 10, 50], partial(hybrid, weights=[1, 1, 0], whole=2)),
        # Level 33 1/3: the second uses 20 and leaves 80 to two: 40 each.
        ([40, 20, 40], 100, [50, 20, 90], partial(rounds, weights=[1, 1, 1])),
        # 1 : 2 : 1 of 100 are 25, 50, 25; the second uses 10, the 90 others are shared 1 : 1.
        ([45, 10, 45], 100, [90, 10, 60], partial(rounds, weights=[1, 2, 1])),
        # Without a weight nothing, also where something is left over.
        ([0, 60], 100, [90, 60], partial(rounds, weights=[0, 2])),
        # Nobody has a weight, nobody gets anything.
        ([0, 0], 100, [90, 60], partial(rounds, weights=[0, 0])),
    ],
)
def test_a_quarter_is_shared_as_worked_out_by_hand(
    taken: list[int], produced: int, used: list[int], split: Split
) -> None:
    assert taken == share([produced], used, split).taken


def test_what_is_taken_comes_from_every_producer_in_proportion() -> None:
    """Of 300 + 100 given back, 120 are used: 120 x 300/400 and 120 x 100/400."""
    shared = share([300, 0, 100], [0, 120, 0], pro_rata)
    assert ([0, 120, 0], [90, 0, 30], 280) == shared


def test_the_largest_rest_gets_the_unit_that_is_missing() -> None:
    """10/4, 11/4 and 11/4 are 8 together: 2 + 2 + 2 and two missing, for the rests of 3."""
    assert [2, 3, 3] == rounded([10, 11, 11], 4)


@each_key
@few
@given(homes=HOMES, produced=st.lists(MWH, min_size=1, max_size=4))
def test_nothing_is_lost_and_nobody_gets_more_than_they_used(
    kind: int, homes: list[tuple[int, int]], produced: list[int]
) -> None:
    """Invariant 5 (DESIGN), invariant 16 (ledger): taken and left over are what was given back, in
    whole mWh; what is given is what is taken; nobody is below nothing or above their use.
    """
    used, weights = [use for use, _ in homes], [weight for _, weight in homes]
    shared = share(produced, used, splits(weights)[kind])
    assert sum(produced) == sum(shared.taken) + shared.left
    assert sum(shared.taken) == sum(shared.given)
    assert all(0 <= took <= use for took, use in zip(shared.taken, used, strict=True))
    assert all(0 <= gave <= one for gave, one in zip(shared.given, produced, strict=True))


@pytest.mark.parametrize("kind", [1, 3], ids=["static", "rounds"])
@few
@given(homes=HOMES, produced=MWH)
def test_who_has_no_share_gets_nothing(
    kind: int, homes: list[tuple[int, int]], produced: int
) -> None:
    """Invariant 16 (ledger)."""
    used, weights = [use for use, _ in homes], [weight for _, weight in homes]
    taken = share([produced], used, splits(weights)[kind]).taken
    assert 0 == sum(took for took, weight in zip(taken, weights, strict=True) if not weight)


@each_key
@few
@given(homes=HOMES, produced=MWH, chance=st.randoms(use_true_random=False))
def test_the_order_of_members_decides_about_one_mwh_at_most(
    kind: int, homes: list[tuple[int, int]], produced: int, chance: Random
) -> None:
    """Invariant 5 (DESIGN), invariant 18 (ledger): who comes first gets the odd mWh of a tie, and
    nothing more. The books give everybody in the order of their accounts.
    """
    order = list(range(len(homes)))
    chance.shuffle(order)
    before = splits([weight for _, weight in homes])[kind](produced, [use for use, _ in homes])
    homes = [homes[n] for n in order]
    after = splits([weight for _, weight in homes])[kind](produced, [use for use, _ in homes])
    assert all(abs(before[n] - took) <= 1 for n, took in zip(order, after, strict=True))
    assert sum(before) == sum(after)


@each_key
@few
@given(homes=HOMES, produced=MWH)
def test_alike_homes_get_alike_to_one_mwh(
    kind: int, homes: list[tuple[int, int]], produced: int
) -> None:
    """Invariant 18 (ledger): the first home is there three times."""
    homes = [homes[0], *homes, homes[0]]
    taken = splits([weight for _, weight in homes])[kind](produced, [use for use, _ in homes])
    assert max(taken[0], taken[1], taken[-1]) - min(taken[0], taken[1], taken[-1]) <= 1


@each_key
@few
@given(homes=HOMES, produced=MWH)
def test_one_mwh_more_takes_nobody_more_than_one(
    kind: int, homes: list[tuple[int, int]], produced: int
) -> None:
    """Invariant 18 (ledger)."""
    split, used = splits([weight for _, weight in homes])[kind], [use for use, _ in homes]
    before, after = split(produced, used), split(produced + 1, used)
    assert all(then >= now - 1 for now, then in zip(before, after, strict=True))


@few
@given(homes=HOMES, produced=MWH)
def test_the_level_is_where_all_rounds_end(homes: list[tuple[int, int]], produced: int) -> None:
    """Shared round by round in exact fractions, nobody is one mWh away from the level."""
    used, weights = [use for use, _ in homes], [weight for _, weight in homes]
    exact = _round_by_round(produced, used, weights)
    taken = rounds(produced, used, weights)
    assert all(abs(took - one) < 1 for took, one in zip(taken, exact, strict=True))


def _round_by_round(produced: int, used: list[int], weights: list[int]) -> list[Fraction]:
    """As people would do it: share the rest by weight among those who still need some."""
    got, rest = [Fraction(0)] * len(used), Fraction(produced)
    while thirsty := [n for n, use in enumerate(used) if weights[n] and got[n] < use and rest]:
        level = rest / sum(weights[n] for n in thirsty)
        for n in thirsty:
            more = min(used[n] - got[n], level * weights[n])
            got[n] += more
            rest -= more
    return got
