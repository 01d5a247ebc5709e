"""Whatever two neighbours lived through: a street without noor is the street with her, but for her.

Two books get the same deliveries; in one of them noor is erased before the last of them come.
"""

from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger_bridge.books.acts.requests import Close, Donate
from ledger_bridge.books.registry.edits import (
    MemberAdded,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from tests.homes import Home, Homes
from tests.street import MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain

DAY_MS = 86_400_000
JULY_MS = MIDNIGHT_MS + 12 * DAY_MS
# The quarter-hours around the midnight that ends 21 June, after each of which homes count; the last
# one is that of 22 June.
FIRST, LAST = 92, 100

Count = tuple[int, int, int]  # after how many quarter-hours, mWh given back and used since


class Life(NamedTuple):
    """What each home counts, what is brought with which card, which of it comes late, and when noor
    leaves: at a quarter-hour's boundary, at which another may take over her meter.
    """

    homes: dict[str, list[Count]]
    deposits: list[tuple[int, str, int]]
    late: set[int]
    left: int
    follower: bool
    key: str


amounts = st.sampled_from([0, 0, 1, 999_999, 1_000_000, 3_000_001])
counts = st.tuples(
    *(
        st.one_of(st.tuples(st.just(after), amounts, amounts), st.none())
        for after in range(FIRST, LAST + 1)
    )
).map(lambda some: [one for one in some if one])
lives = st.builds(
    Life,
    homes=st.fixed_dictionaries({"home": counts, "barn": counts, "shed": counts}),
    deposits=st.lists(
        st.tuples(st.integers(FIRST, LAST), st.sampled_from("AB"), st.integers(1, 9_000)),
        max_size=6,
    ),
    late=st.sets(st.integers(0, 30), max_size=8),
    left=st.integers(FIRST, LAST),
    follower=st.booleans(),
    key=st.sampled_from(['key = "pro-rata"\n', 'key = "equal"\n']),
)


class Lived(Homes):
    """A street that has lived through it up to the close of June."""

    def __init__(self, folder, life):
        super().__init__(folder, life.key)
        self.open_accounts()
        left_ms = MIDNIGHT_MS + life.left * QUARTER_MS
        self.edit(MemberAdded("kees", "acc-kees"))
        if life.follower:
            self.edit(MeterFitted("home", "hall", "", "kees", left_ms))
        made = [
            (gateway, home.count(*one))
            for gateway, some in life.homes.items()
            for home in [Home(gateway)]
            for one in some
        ]
        point = Chain("point")
        made += [
            ("point", point.deposit(MIDNIGHT_MS + n * QUARTER_MS, grams=grams, card=card))
            for n, card, grams in life.deposits
        ]
        # Noor's own late evidence would have to be erased once more: hers comes in time.
        self.late = [one for n, one in enumerate(made) if n in life.late and one[0] != "home"]
        self.deliver([one for one in made if one not in self.late])
        self._now_ms = JULY_MS
        self.edit(MemberLeft("noor", left_ms))
        self.settle()
        self.act(Close("2026-06"), "june", now_ms=JULY_MS)
        self.settle()

    def deliver(self, some):
        self.inbox.take(some, now_ms=NOON_MS)
        self.settle()

    def settle(self):
        while self.community.settle(JULY_MS):
            pass

    def bring_to_zero(self):
        for asset in ("ENERGY", "WASTE"):
            held = self.balance("acc-noor", asset)
            if held > 0:
                self.act(Donate("noor", "pool", asset, held), f"gift {asset}", now_ms=JULY_MS)

    def of_others(self):
        """Their counts and deposits, and what they are due."""
        return [
            sorted(self.community.db.execute(f"SELECT * FROM {table} WHERE member != 'noor'"))
            for table in ("counter", "deposit", "claim", "shared")
        ]


BUSY = [(n, 1_000_000, 3_000_001) for n in range(FIRST, LAST + 1)]


@example(
    Life(
        homes={"home": BUSY, "barn": BUSY, "shed": BUSY},
        deposits=[(FIRST, "A", 700), (FIRST, "B", 900)],
        late={20},
        left=96,
        follower=True,
        key='key = "pro-rata"\n',
    )
)
@settings(max_examples=8, deadline=None)
@given(lives)
def test_erasing_one_changes_nothing_of_anybody_else_now_or_later(tmp_path_factory, life):
    """Invariants 5 and 6 (DESIGN), 26 (ledger)."""
    folder = tmp_path_factory.mktemp("lives")
    with_her, without = Lived(folder / "with", life), Lived(folder / "without", life)
    for street in (with_her, without):
        street.bring_to_zero()
    without.edit(MemberErased("noor"))
    without.settle()
    without.check()
    assert with_her.of_others() == without.of_others()
    for street in (with_her, without):
        street.deliver(street.late)
        street.check()
    assert with_her.of_others() == without.of_others()
    assert 0 == without.balance("acc-noor", "ENERGY") == without.balance("acc-noor", "WASTE")
