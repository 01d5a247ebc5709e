"""A simulated week at the recycling point, with every fault at random, ends with true books."""

from collections import Counter
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest

from firmware_sim import cheats
from firmware_sim.people import Depositor, Load, Slip
from gateway.contract import cards
from ledger_bridge.books.registry.edits import CardGiven
from ledger_bridge.books.verify.verify import verify
from tests.street import CARD_KEY, ID, key
from tests.week import CARDS, CLUB, DAY_MS, HOUR_MS, Week

FRACTIONS = ("glass", "paper", "rest")
# Credit per mg or thousandth of a piece, apart from the policy's text.
RATES = {
    "glass": Fraction(1, 30) / 10**6,
    "paper": Fraction("0.02") / 10**6,
    "rest": Fraction(0),
    "lamps": Fraction("0.1") / 1000,
    "paint": Fraction("0.01") / 10**6,
}
CAP = Fraction(3)  # per member and four weeks
ACCOUNTS = {
    "noor": "acc-noor",
    "bram": "acc-bram",
    "sanne": "acc-sanne",
    "yusuf": "acc-yusuf",
    CLUB: "acc-club",
}


def _load(week: Week) -> Load:
    draw = week.draw
    if draw.random() < 0.15:
        return Load("lamps", pieces=draw.randint(1, 12))
    in_crate = draw.random() < 0.2
    return Load(
        draw.choice(FRACTIONS),
        draw.randint(300_000, 15_000_000),
        crate="blue" if in_crate else "",
        crate_mg=1_500_000 if in_crate else 0,
        moved_ms=draw.choice([0, 0, 1_500]),
    )


def _visit(week: Week, codes: list[Slip]) -> None:
    """Somebody comes, honest or not."""
    draw, who = week.draw, week.draw.choice(list(CARDS))
    friend = next(number for name, number in CARDS.items() if name != who)
    load = _load(week)
    bag = load if load.mass_mg and not load.crate else Load("glass", 2_345_000)
    kind = draw.choice(["card"] * 8 + ["code", "code", "club", *_STEPS_BACK, *_TRIES])
    if kind in _TRIES:
        _try(week, kind, bag, who, friend)
    elif kind in _STEPS_BACK:
        _with_the_operator(week, kind, bag, who)
    elif kind == "code":
        codes.append(week.honest("yusuf", load, Depositor()))
    elif kind == "club":
        week.honest(CLUB, load, Depositor(club=CLUB))
    else:
        week.honest(who, load, Depositor(CARDS[who]))


_STEPS_BACK = ("undo", "paint", "correct", "mixed")
_TRIES = ("same bag", "two cards", "leans", "tare", "walks away")


def _with_the_operator(week: Week, kind: str, bag: Load, who: str) -> None:
    match kind:
        case "undo":
            week.takes_back(week.honest(who, bag, Depositor(CARDS[who])))
        case "paint":
            week.paint(who, bag.mass_mg)
        case "correct":
            slip = week.honest(who, Load("glass", bag.mass_mg), Depositor(CARDS[who]))
            week.corrects(slip, "paper")
        case "mixed":
            week.turns_away(bag)


def _try(week: Week, kind: str, bag: Load, who: str, friend: str) -> None:
    card = CARDS[who]
    if kind == "same bag":
        week.honest(who, bag, Depositor(card))
    scripts = {
        "same bag": cheats.same_bag_again(bag, friend),
        "two cards": cheats.two_cards(card, friend),
        "leans": cheats.leans(bag, card, creep_mg_s=week.draw.choice([2_000, 40_000])),
        "tare": cheats.brick_in_the_tare(bag, card, brick_mg=2_000_000),
        "walks away": cheats.walks_away(bag),
    }
    week.dishonest(kind, scripts[kind])


def _live(week: Week, *, days: int, visitors: int) -> list[Slip]:
    """Days of ten hours, with visitors and deliveries; gives the slips with codes."""
    codes: list[Slip] = []
    for _ in range(days):
        begin_ms = week.utc_ms
        for _ in range(visitors):
            _visit(week, codes)
            week.skip(week.draw.randrange(60_000, 10 * HOUR_MS // visitors))
            week.deliver()
        week.skip(max(60_000, begin_ms + DAY_MS - week.utc_ms))
    week.deliver(everything=True)
    return codes


def _earned(week: Week) -> dict[str, int]:
    """What each member is due in millionths, worked out from what they put down."""
    sums: dict[str, Fraction] = dict.fromkeys(ACCOUNTS, Fraction(0))
    for member, fraction, amount in week.truth.kept.values():
        sums[member] += RATES[fraction] * amount
    return {member: floor(min(earned, CAP) * 10**6) for member, earned in sums.items()}


def _check(week: Week, codes: list[Slip]) -> None:
    week.street.edit(*(CardGiven(cards.claim(slip.code, CARD_KEY), "yusuf") for slip in codes))
    week.street.community.settle(week.utc_ms)
    db = week.street.community.db
    rows = db.execute(
        "SELECT id, member, counts_as, counted FROM deposit WHERE verdict = ''"
    ).fetchall()
    told = Counter(deposit for deposit, *_ in rows)
    assert {1} == set(told.values())
    kept = {deposit: tuple(kept) for deposit, kept in week.truth.kept.items()}
    assert kept == {deposit: tuple(rest) for deposit, *rest in rows}
    balances = {member: week.street.balance(name, "WASTE") for member, name in ACCOUNTS.items()}
    assert _earned(week) == balances
    verify(db, ID, log_key=key("log").public, progress=str)


def _check_tries(week: Week) -> None:
    """Each dishonest try ended without a slip and with a refusal that has a name."""
    assert [] == [kind for kind, leave in week.truth.tries if leave.slip or not leave.refused]


KINDS = {"power", "bomb", "unplug", "silence", "unit", "switched", "noise", "link", "forged"}


def _whole_week(folder: Path, seed: int, *, visitors: int) -> Week:
    print(f"replay: Week(folder, seed={seed})")
    week = Week(folder, seed=seed)
    _check(week, _live(week, days=7, visitors=visitors))
    _check_tries(week)
    return week


def test_a_week_with_every_fault_at_random_ends_with_what_honest_people_put_down(tmp_path):
    week = _whole_week(tmp_path, 1, visitors=12)
    assert 50 < len(week.truth.kept)
    assert KINDS == set(week.truth.faults)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 22))
def test_weeks_that_are_busier_end_so_as_well(tmp_path, seed):
    assert 100 < len(_whole_week(tmp_path, seed, visitors=25).truth.kept)


def test_without_faults_each_dishonest_try_is_refused_by_its_own_name(tmp_path):
    week = Week(tmp_path, seed=0, fault_rate=0)
    bag = Load("glass", 3_200_000)
    noor, bram = CARDS["noor"], CARDS["bram"]
    week.honest("noor", bag, Depositor(noor))
    week.dishonest("same bag", cheats.same_bag_again(bag, bram))
    week.dishonest("two cards", cheats.two_cards(noor, bram))
    week.dishonest("leans", cheats.leans(Load("glass", 5_000_000), bram, creep_mg_s=2_000))
    week.dishonest("leans", cheats.leans(Load("glass", 6_000_000), bram, creep_mg_s=40_000))
    week.dishonest("tare", cheats.brick_in_the_tare(bag, bram, brick_mg=2_000_000))
    week.dishonest("walks away", cheats.walks_away(bag))
    expected = [
        ("same bag", "same_bag"),
        ("two cards", "two_cards"),
        ("leans", "creeps"),
        ("leans", "no_weight"),
        ("tare", "tare_changed"),
        ("walks away", "nobody"),
    ]
    assert expected == [(kind, leave.refused) for kind, leave in week.truth.tries]
    assert dict.fromkeys([word for _, word in expected], 1) == dict(week.point.refusals)
