"""Whatever order the records of a street come in, its energy is shared the same."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.registry.edits import GatewayAdmitted, MemberAdded, MeterFitted
from tests.homes import RULE, Home, Homes
from tests.street import MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, key

DAY = 96
KEYS = (
    'key = "pro-rata"\n',
    'key = "equal"\n',
    'key = "static"\nshares.noor = "1/7"\nshares.bram = "3/7"\nshares.saar = "2/7"\n',
    'key = "rounds"\nshares.noor = "1/7"\nshares.bram = "3/7"\nshares.saar = "2/7"\n',
    'key = "hybrid"\nshares.noor = "1/7"\nshares.bram = "3/7"\n',
)


class Count(NamedTuple):
    """What a home gave back and used since its count before, the quarter-hours since then, and how
    many days off its clock is, until a later count knows better.
    """

    quarters: int
    out: int
    used: int
    off_days: int


# A quarter-hour, a gap, and gaps by which a day ends, or three days.
STEPS = st.sampled_from([1, 1, 1, 1, 2, 90, DAY, 3 * DAY, 4 * DAY])
MWH = st.sampled_from([0, 1, 2, 5, 1_000_000, 1_000_003])
OFF = st.sampled_from([0, 0, 0, 0, -1, 1, 5])
LIVES = st.lists(st.builds(Count, STEPS, MWH, MWH, OFF), max_size=6)
STREET = st.tuples(LIVES, LIVES, LIVES)


def _records(lives: tuple[list[Count], ...]) -> list[tuple[str, bytes]]:
    """The records of noor, bram and saar, with the names of their gateways."""
    found = []
    for gateway, life in zip(("home", "barn", "shed"), lives, strict=True):
        home, quarter = Home(gateway), 0
        found.append((gateway, home.count(0)))
        for one in life:
            quarter += one.quarters
            off_ms = one.off_days * DAY * QUARTER_MS
            found.append((gateway, home.count(quarter, one.out, one.used, off_ms=off_ms)))
    return found


def _books(homes: Homes) -> dict[str, list[tuple[object, ...]]]:
    """All that settling came to, with what still waits."""
    return {
        table: sorted(homes.community.db.execute(f"SELECT {columns} FROM {table}").fetchall())
        for table, columns in (
            ("shared", "*"),
            ("shared_day", "*"),
            ("unshared", "rule, day"),
            ("claim", "*"),
            ("balance", "*"),
            ("dirty", "*"),
        )
    }


@pytest.mark.parametrize(
    "sharing_key", KEYS, ids=["pro-rata", "equal", "static", "rounds", "hybrid"]
)
@settings(max_examples=6)
@given(lives=STREET, chance=st.randoms(use_true_random=False))
def test_no_order_of_delivery_changes_what_anybody_gets(
    sharing_key: str, lives: tuple[list[Count], ...], chance: Random
) -> None:
    """Invariant 2 (DESIGN), invariants 7 and 18 (ledger): records shuffled, in batches of any size,
    twice, and the books opened anew in between; in the end what is shared, due and posted is what
    it is in one batch and in order. Verify finds nothing.
    """
    records = _records(lives)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, shuffled = Homes(Path(one), sharing_key), Homes(Path(other), sharing_key)
        plain.inbox.take(records, now_ms=NOON_MS)
        _settle(plain)
        again = [*records, *records]
        chance.shuffle(again)
        while again:
            size = chance.randint(1, 5)
            shuffled.inbox.take(again[:size], now_ms=NOON_MS)
            again = again[size:]
            _settle(shuffled)
        # What was refused because the record before it was not there yet comes once more.
        for record in records:
            shuffled.inbox.take([record], now_ms=NOON_MS)
            _settle(shuffled)
        assert _without_nothing(_books(plain)) == _without_nothing(_books(shuffled))
        plain.check()
        shuffled.check()


def _settle(homes: Homes) -> None:
    while homes.community.settle(NOON_MS):
        pass


def _without_nothing(
    books: dict[str, list[tuple[object, ...]]],
) -> dict[str, list[tuple[object, ...]]]:
    """Claims and balances that came to nothing leave a row where they were something before."""
    return {
        table: [row for row in rows if table not in {"claim", "balance"} or row[-1]]
        for table, rows in books.items()
    }


# From the third day on other rules; from its noon on bram's meter is saar's, half of it.
LATER = POLICY.replace("2026-06-21", "2026-06-23") + RULE.replace('"1"', '"2"', 1)
HANDED_ON = MeterFitted(
    "barn", "hall", "", "saar", MIDNIGHT_MS + 2 * 86_400_000 + 43_200_000, share="1/2"
)
NEW_HOUSE = (
    MemberAdded("joris", "acc-joris"),
    GatewayAdmitted("attic", key("attic").public.x),
    MeterFitted("attic", "hall", "", "joris", MIDNIGHT_MS + 86_400_000),
)
Happening = Callable[[Homes], object]
HAPPENINGS: tuple[Happening, ...] = (
    lambda homes: homes.edit(HANDED_ON),
    lambda homes: homes.edit(*NEW_HOUSE),
    lambda homes: homes.rule_by(LATER + KEYS[1]),
    lambda homes: homes.act(Close("2026-06-21"), "close", now_ms=NOON_MS + 10 * 86_400_000),
)


@settings(max_examples=10)
@given(lives=STREET, chance=st.randoms(use_true_random=False))
def test_no_moment_of_an_edit_changes_what_anybody_gets(
    lives: tuple[list[Count], ...], chance: Random
) -> None:
    """Invariant 2 (DESIGN), invariant 19 (ledger): a meter is handed on, a house joins, other rules
    begin and a day is closed, after all records or anywhere among them.
    """
    records = _records(lives)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, mixed = Homes(Path(one), KEYS[0]), Homes(Path(other), KEYS[0])
        for record in records:
            plain.inbox.take([record], now_ms=NOON_MS)
        for happening in HAPPENINGS:
            _settle(plain)
            happening(plain)
        _settle(plain)
        moments = sorted(chance.randint(0, len(records)) for _ in HAPPENINGS)
        shuffled = chance.sample(HAPPENINGS, len(HAPPENINGS))
        for n, record in enumerate([*records, None]):
            while moments and moments[0] == n:
                moments.pop(0)
                shuffled.pop()(mixed)
                _settle(mixed)
            if record:
                mixed.inbox.take([record], now_ms=NOON_MS)
                _settle(mixed)
        assert _without_nothing(_books(plain)) == _without_nothing(_books(mixed))
        plain.check()
        mixed.check()
