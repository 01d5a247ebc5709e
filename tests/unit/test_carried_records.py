"""What a gateway carried into another chain is in the books twice, and counts once."""

from itertools import permutations

import pytest

from ledger_bridge.books.facts.containers import containers, turned_away
from ledger_bridge.books.registry.edits import MeterFitted
from ledger_bridge.books.telling.recycling import deposits_of, held_corrections
from ledger_bridge.books.verify.verify import verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import ID, NOON_MS, QUARTER_MS, Chain, Street, key

DAY = "2026-06-21"
# Names before and after that of the first chain: which one is the newer nobody knows by its name.
NEXT = ["evidence-000000000000", "evidence-000000000002"]
named = pytest.mark.parametrize("name", NEXT, ids=["named before", "named after"])


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path, policy=WASTE_POLICY)
    yield street
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def waste(street: Street) -> int:
    return street.balance("acc-noor", "WASTE")


@named
def test_a_carried_deposit_is_credited_once_whichever_comes_first(street, name):
    old, new = Point(), Point(chain=name)
    for chain in (new, old):
        street.take("point", chain.bring("d1", grams=2_000, card="A"))
    assert 100_000 == waste(street)
    street.take("point", new.bring("d2", NOON_MS + 1, grams=2_000, card="A"))
    assert 200_000 == waste(street)


@named
@pytest.mark.parametrize("order", [*permutations((0, 1, 2))], ids=str)
def test_a_carried_correction_does_not_undo_the_one_after_it(street, name, order):
    """The hub had the first correction when it took no more of the chain."""
    old, new = Point(), Point(chain=name)
    first = {"fraction": "paper", "by": "operator", "reason": "newspapers"}
    last = {"fraction": "", "by": "operator", "reason": "by mistake"}
    batches = [
        [old.bring("d1", grams=2_000, card="A"), old.correct("d1", NOON_MS + 1, **first)],
        [new.bring("d1", grams=2_000, card="A"), new.correct("d1", NOON_MS + 1, **first)],
        [new.correct("d1", NOON_MS + 2, **last)],
    ]
    for number in order:
        street.take("point", *batches[number])
    told = deposits_of(
        street.community.db, ID, "noor", (DAY, DAY), policies=street.community.policies
    )
    assert 0 == waste(street)
    assert ["by mistake", "newspapers"] == sorted(one["reason"] for one in told[0]["corrections"])


@named
def test_a_carried_correction_that_is_late_waits_once(street, name):
    for chain in (Point(), Point(chain=name)):
        street.take("point", chain.bring("d1", grams=2_000, card="A"))
        street.take("point", chain.correct("d1", NOON_MS + 10 * MINUTE_MS))
    assert 1 == len(held_corrections(street.community.db, ID))


@named
def test_a_carried_emptying_is_one_emptying_of_all_that_was_brought(street, name):
    old, new = Point(), Point(chain=name)
    street.take("point", old.bring("d0", NOON_MS - 1, grams=5_000))
    for chain in (old, new):
        street.take("point", chain.bring("d1", grams=40_000))
        street.take("point", chain.empty("e1", NOON_MS + MINUTE_MS, kg=45))
    street.take("point", new.bring("d2", NOON_MS + 2 * MINUTE_MS, grams=3_000))
    (glass,) = containers(street.community.db, ID, registry=street.community.registry)
    assert [("e1", 45_000_000)] == [
        (one["emptying"], one["delivered_mg"]) for one in glass["emptyings"]
    ]
    assert 3_000_000 == glass["inside_mg"]


@named
def test_what_was_turned_away_is_counted_once(street, name):
    for chain in (Point(), Point(chain=name)):
        street.take("point", chain.turn_away(NOON_MS, "full"))
    assert [1] == [one["times"] for one in turned_away(street.community.db, ID)]


@named
def test_a_carried_count_is_credited_once_whichever_comes_first(street, name):
    """A quarter's 300 Wh at 1/3 credit per kWh."""
    old, new = Chain("home"), Chain("home", name)
    counts = [(NOON_MS, 1_000), (NOON_MS + QUARTER_MS, 1_300)]
    for chain in (new, old):
        street.take("home", *(chain.quarter(at_ms, export_wh=wh) for at_ms, wh in counts))
    street.take("home", new.quarter(NOON_MS + 2 * QUARTER_MS, export_wh=1_600))
    assert 200_000 == street.balance("acc-noor", "ENERGY")


@named
def test_a_leap_that_is_carried_does_not_stand_for_twice_as_long(street, name):
    street.edit(MeterFitted("home", "hall", "E1", "noor", 1))
    counts = [(NOON_MS, 0), *((NOON_MS + n * QUARTER_MS, 900_000) for n in (1, 2))]
    for chain in (Chain("home"), Chain("home", name)):
        street.take("home", *(chain.quarter(at_ms, export_wh=wh) for at_ms, wh in counts))
    verdicts = street.community.db.execute("SELECT verdict FROM counter ORDER BY at_ms, chain")
    assert ["first", "", "rating", "rating", "rating", "rating"] == [v for (v,) in verdicts]
