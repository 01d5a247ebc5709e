"""Invariants 2 and 6 (DESIGN) at the recycling point: order is nothing, and posted is due."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.cards import claim, token
from ledger_bridge.books.registry.edits import (
    CardGiven,
    DepositDecided,
    EmptyingExplained,
    ScaleVerified,
)
from ledger_bridge.books.verify.verify import verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, Street, key

NAMES = st.sampled_from(["d1", "d2", "d3", "d4"])
# Within and beyond the five minutes, and on either side of midnight.
TIMES = st.sampled_from([0, 1, 4 * MINUTE_MS, 7 * MINUTE_MS, 13 * 60 * MINUTE_MS]).map(
    lambda since: NOON_MS + since
)
WORDS = {
    "card": st.sampled_from(["", "A", "B", "found"]),
    "code": st.sampled_from(["", "K7QM3RXA"]),
    "club": st.sampled_from(["", "bram", "nobody"]),
    "operator": st.sampled_from(["", "yes"]),
}
WEIGHED = st.fixed_dictionaries(
    {
        "fraction": st.sampled_from(["glass", "paper", "metal", "paint", "lamps", "glas"]),
        "grams": st.sampled_from([0, 100, 2_500, 19_999, 30_000]),
        "serial": st.sampled_from(["", "S1"]),
        "alibi": st.sampled_from(["", "17", "18"]),
        **WORDS,
    }
)
COUNTED = st.fixed_dictionaries(
    {"fraction": st.sampled_from(["lamps", "glass"]), "pieces": st.integers(1, 3), **WORDS}
)
DEPOSITS = st.tuples(st.just("bring"), NAMES, TIMES, WEIGHED | COUNTED)
CORRECTIONS = st.tuples(
    st.just("correct"),
    NAMES,
    TIMES,
    st.fixed_dictionaries(
        {
            "fraction": st.sampled_from(["", "glass", "paint", "lamps"]),
            "by": st.sampled_from(["member", "operator"]),
        }
    ),
)
EMPTYINGS = st.tuples(st.just("empty"), st.sampled_from(["e1", "e2"]), TIMES, st.just({"kg": 1}))
# What two chains of one point say, each in its order.
CHAINS = st.lists(
    st.lists(DEPOSITS | CORRECTIONS | EMPTYINGS, min_size=1, max_size=6), min_size=1, max_size=2
)
EDITS = st.lists(
    st.sampled_from(
        [
            CardGiven(token("found", CARD_KEY), "bram"),
            CardGiven(claim("K7QM-3RXA", CARD_KEY), "noor"),
            CardGiven(token("B", CARD_KEY), "noor"),
            ScaleVerified("point", "scale", "S1", "III", 20_000, 20_000_000, 0, NOON_MS + 1),
            ScaleVerified("point", "scale", "S1", "II", 5_000, 60_000_000, MIDNIGHT_MS, 2**42),
            DepositDecided("point", "d1", True, "seen"),
            DepositDecided("point", "d1", False, "seen again"),
            DepositDecided("point", "d2", True, "seen"),
            EmptyingExplained("point", "e1", "wet"),
        ]
    ),
    max_size=4,
)


def records_of(chains) -> list[bytes]:
    found = []
    for number, said in enumerate(chains):
        point = Point(chain=f"evidence-00000000000{number}")
        for word, name, at_ms, more in said:
            found.append(getattr(point, word)(name, at_ms, **more))
    return found


def state(street: Street) -> list[tuple[object, ...]]:
    """Everything that must not depend on the order of arrival."""
    db = street.community.db
    statements = (
        "SELECT rule, member, period, due FROM claim WHERE due != 0 ORDER BY 1, 2, 3",
        "SELECT account, asset, amount FROM balance WHERE amount != 0 ORDER BY 1, 2",
        "SELECT * FROM deposit ORDER BY gateway, chain, seq",
        "SELECT * FROM correction ORDER BY gateway, chain, seq",
        "SELECT * FROM container_event ORDER BY gateway, chain, seq",
    )
    return [row for statement in statements for row in db.execute(statement)]


@settings(max_examples=60, deadline=None)
@given(chains=CHAINS, edits=EDITS, data=st.data())
def test_any_order_of_deposits_corrections_claims_marks_and_decisions_gives_the_same_books(
    chains, edits, data
):
    records = records_of(chains)
    with tempfile.TemporaryDirectory() as folder:
        plain = Street(Path(folder) / "plain", policy=WASTE_POLICY)
        plain.take("point", *records)
        if edits:
            plain.edit(*edits)
        plain.community.settle(NOON_MS)
        street = Street(Path(folder) / "mixed", policy=WASTE_POLICY)
        # Papers of stewards come in their own order, anywhere between the records.
        left = data.draw(st.permutations([*records, *([None] * len(edits))]))
        papers = iter(edits)
        while left:
            size = data.draw(st.integers(1, len(left)))
            batch, left = left[:size], left[size:]
            some = [("point", one) for one in batch if one is not None]
            street.inbox.take(some, now_ms=NOON_MS)
            if data.draw(st.booleans()):
                street.community.settle(NOON_MS)
            for _ in range(batch.count(None)):
                street.edit(next(papers))
            if data.draw(st.booleans()):
                street.community.db.close()
                street.open()
        street.community.settle(NOON_MS)
        assert state(plain) == state(street)
        for one in (plain, street):
            verify(one.community.db, ID, log_key=key("log").public, progress=str)


@settings(max_examples=60, deadline=None)
@given(chains=CHAINS, edits=EDITS)
def test_one_weighing_counts_at_most_once_unless_a_steward_says_otherwise(chains, edits):
    """Invariant 15 (ledger): by id, and by the number the scale keeps it under."""
    decided = [edit for edit in edits if isinstance(edit, DepositDecided)]
    with tempfile.TemporaryDirectory() as folder:
        street = Street(Path(folder), policy=WASTE_POLICY)
        street.take("point", *records_of(chains))
        others = [edit for edit in edits if edit not in decided]
        if others:
            street.edit(*others)
        db = street.community.db
        for column in ("id", "nullif(scale_record, '')"):
            twice = db.execute(
                f"SELECT {column} FROM deposit WHERE counted > 0 AND {column} IS NOT NULL"
                " GROUP BY 1 HAVING count(*) > 1"
            ).fetchall()
            assert [] == twice
        nets = db.execute("SELECT count(*) FROM deposit WHERE counted NOT IN (0, amount)")
        assert (0,) == nets.fetchone()
