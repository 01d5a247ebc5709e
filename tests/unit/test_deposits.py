"""What becomes of a deposit: whose it is, what counts of it, and why not, by figures by hand."""

import pytest

from gateway.contract.cards import claim, token
from ledger_bridge.books.registry.edits import CardGiven, DepositDecided, ScaleVerified
from ledger_bridge.books.telling.recycling import (
    deposits_of,
    held_corrections,
    held_deposits,
    remarks,
)
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.verify import verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, Street, key

DAY = "2026-06-21"
DAY_MS = 86_400_000


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path, policy=WASTE_POLICY)
    yield street
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def waste(street: Street, member: str = "noor") -> int:
    return street.balance(f"acc-{member}", "WASTE")


def edit(street: Street, *edits) -> None:
    street.edit(*edits)
    street.community.settle(NOON_MS)


def found(street: Street, member: str = "noor"):
    return deposits_of(
        street.community.db, ID, member, (DAY, DAY), policies=street.community.policies
    )


def states(street: Street, member: str = "noor") -> list[str]:
    return [one["state"] for one in found(street, member)]


def held(street: Street) -> list[str]:
    waiting = held_deposits(street.community.db, ID, policies=street.community.policies)
    return [one["id"] for one in waiting]


# Whose it is.


def test_a_deposit_given_to_a_club_is_the_clubs(street):
    street.take("point", Point().bring("d1", grams=2_000, card="A", club="bram"))
    assert (0, 100_000) == (waste(street), waste(street, "bram"))
    assert [("bram", "bram")] == [(one["member"], one["club"]) for one in found(street, "bram")]


def test_a_club_that_is_no_member_leaves_the_deposit_to_its_card(street):
    street.take("point", Point().bring("d1", grams=2_000, card="A", club="nobody"))
    assert 100_000 == waste(street)


def test_a_deposit_without_a_card_waits_under_its_code_until_somebody_brings_it(street):
    street.take("point", Point().bring("d1", grams=2_000, code="K7QM3RXA"))
    assert (["d1"], 0) == (held(street), waste(street, "bram"))
    edit(street, CardGiven(claim("k7qm-3rxa", CARD_KEY), "bram"))
    assert ([], 100_000) == (held(street), waste(street, "bram"))


def test_the_card_goes_before_the_code_once_it_is_somebodys(street):
    street.take("point", Point().bring("d1", grams=2_000, card="found", code="K7QM3RXA"))
    edit(street, CardGiven(claim("K7QM3RXA", CARD_KEY), "bram"))
    assert (0, 100_000) == (waste(street), waste(street, "bram"))
    edit(street, CardGiven(token("found", CARD_KEY), "noor"))
    assert (100_000, 0) == (waste(street), waste(street, "bram"))


# What it is.


def test_pieces_are_counted_and_earn_by_the_piece(street):
    street.take("point", Point().bring("d1", pieces=7, fraction="lamps", card="A", operator="yes"))
    assert 700_000 == waste(street)
    (one,) = found(street)
    assert (None, 7, "credited") == (one["net_mg"], one["pieces"], one["state"])
    (line, _) = statement(
        street.community.db,
        ID,
        "noor",
        DAY,
        registry=street.community.registry,
        policies=street.community.policies,
    )["lines"][1:]
    assert {"lamps": 7_000} == line["quantity"]
    evidence = why(
        street.community.db,
        ID,
        1,
        registry=street.community.registry,
        policies=street.community.policies,
    )["evidence"]
    assert [("7 pieces", 7_000)] == [(one["measured"], one["counts"]) for one in evidence]


@pytest.mark.parametrize(
    ("brought", "verdict"),
    [
        ({"pieces": 7}, "unit"),
        ({"grams": 700, "fraction": "lamps", "operator": "yes"}, "unit"),
        ({"pieces": 7, "fraction": "lamps"}, "no-operator"),
        ({"grams": 20_001, "fraction": "metal"}, "most"),
        ({"pieces": 1_001, "fraction": "lamps", "operator": "yes"}, "weight"),
        ({"grams": 3_000_001}, "weight"),
        ({"grams": 0}, "weight"),
    ],
    ids=[
        "pieces of what is weighed",
        "kilograms of what is counted",
        "hazardous without an operator",
        "more than one deposit may be",
        "more pieces than anybody counts",
        "more than any scale carries",
        "nothing",
    ],
)
def test_what_cannot_be_taken_as_it_is_waits_for_a_steward(street, brought, verdict):
    street.take("point", Point().bring("d1", card="A", **brought))
    assert (0, ["d1"], ["held"]) == (waste(street), held(street), states(street))
    stored = street.community.db.execute("SELECT verdict, counted FROM deposit").fetchall()
    assert [(verdict, 0)] == stored


def test_the_most_that_one_deposit_may_be_counts(street):
    street.take("point", Point().bring("d1", grams=20_000, fraction="metal", card="A"))
    assert (200_000, []) == (waste(street), held(street))


@pytest.mark.parametrize(
    ("brought", "credit"),
    [
        ({"grams": 1_000, "fraction": "paint"}, 30_000),
        ({"grams": 30_000, "fraction": "metal"}, 300_000),
    ],
    ids=["hazardous", "more than one deposit may be"],
)
def test_a_steward_may_accept_what_waits(street, brought, credit):
    street.take("point", Point().bring("d1", card="A", **brought))
    edit(street, DepositDecided("point", "d1", True, "seen it"))
    assert (credit, ["credited"]) == (waste(street), states(street))
    edit(street, DepositDecided("point", "d1", False, "seen it again"))
    assert (0, ["withdrawn"]) == (waste(street), states(street))


@pytest.mark.parametrize("brought", [{"pieces": 7}, {"grams": 3_000_001}])
def test_what_has_no_amount_is_not_counted_whatever_a_steward_says(street, brought):
    street.take("point", Point().bring("d1", card="A", **brought))
    edit(street, DepositDecided("point", "d1", True, "looks good"))
    assert (0, ["held"]) == (waste(street), states(street))


@pytest.mark.parametrize(
    ("fraction", "sentence"),
    [("glas", "No rule knows this kind of waste"), ("paper", "This kind is counted and earns")],
)
def test_what_earns_nothing_is_counted_and_says_so(street, fraction, sentence):
    street.take("point", Point().bring("d1", grams=2_000, fraction=fraction, card="A"))
    (one,) = found(street)
    assert ("counted", 2_000_000, []) == (one["state"], one["net_mg"], held(street))
    assert one["sentence"].startswith(sentence)


def test_a_fraction_named_like_a_register_earns_no_energy(street):
    bag = Point().bring("d1", grams=2_000, fraction="1-0:2.8.1", card="A")
    street.take("point", bag)
    assert (0, 0) == (street.balance("acc-noor", "ENERGY"), waste(street))


# One weighing, once.


def test_one_record_number_of_a_scale_backs_one_deposit(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A", serial="S1", alibi="17"))
    street.take(
        "point", point.bring("d2", NOON_MS + 1, grams=2_000, card="B", serial="S1", alibi="17")
    )
    street.take(
        "point", point.bring("d3", NOON_MS + 2, grams=2_000, card="B", serial="S2", alibi="17")
    )
    assert (100_000, 100_000, ["d2"]) == (waste(street), waste(street, "bram"), held(street))
    edit(street, DepositDecided("point", "d2", True, "the scale was reset"))
    assert (200_000, []) == (waste(street, "bram"), held(street))


def test_the_earlier_weighing_counts_whichever_came_first(street):
    early, late = Point(chain="evidence-00000000000a"), Point(chain="evidence-00000000000b")
    street.take("point", late.bring("d2", NOON_MS + 1, grams=3_000, card="B", alibi="17"))
    assert 150_000 == waste(street, "bram")
    street.take("point", early.bring("d1", NOON_MS, grams=2_000, card="A", alibi="17"))
    assert (100_000, 0) == (waste(street), waste(street, "bram"))


def test_a_later_weighing_under_the_same_number_forgets_no_correction_of_the_first(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A", alibi="17"))
    street.take("point", point.correct("d1", NOON_MS + 1))
    street.take("point", point.bring("d2", NOON_MS + 2, grams=2_000, card="B", alibi="17"))
    assert (["withdrawn"], ["held"]) == (states(street), states(street, "bram"))


# Corrections.


def test_what_is_taken_back_within_five_minutes_is_as_if_it_had_not_been(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    assert 100_000 == waste(street)
    street.take("point", point.correct("d1", NOON_MS + 5 * MINUTE_MS))
    assert (0, ["withdrawn"], []) == (waste(street), states(street), held(street))


def test_what_is_taken_back_later_waits_for_a_steward(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + 6 * MINUTE_MS + 1))
    assert (100_000, ["credited"]) == (waste(street), states(street))
    (waits,) = held_corrections(street.community.db, ID)
    assert 'meterkast deposit decide point/d1 --accept or --void --reason "…"' == waits["try"]
    assert waits["sentence"].startswith("Taken back more than five minutes later")
    edit(street, DepositDecided("point", "d1", False, "she came back with it"))
    assert (0, []) == (waste(street), held_corrections(street.community.db, ID))


def test_within_one_boot_a_clock_that_is_set_makes_nothing_late(street):
    # 40 s later, and an hour later by a clock that was set meanwhile.
    point, hour_ms = Point(), 60 * MINUTE_MS
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + hour_ms + 40_000, set_ms=hour_ms))
    assert 0 == waste(street)


def test_a_clock_that_is_set_back_makes_nothing_timely(street):
    point, hour_ms = Point(), 60 * MINUTE_MS
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + 40_000, set_ms=-hour_ms))
    assert 100_000 == waste(street)


def test_what_is_taken_back_before_it_was_brought_waits(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS - MINUTE_MS - 1))
    assert 100_000 == waste(street)


def test_after_a_restart_the_clock_says_what_is_late(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + 7 * MINUTE_MS, boot="the next"))
    assert 100_000 == waste(street)
    street.take("point", point.correct("d1", NOON_MS + 2 * MINUTE_MS, boot="the next"))
    assert 0 == waste(street)


def test_an_operator_corrects_the_kind_with_a_reason(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take(
        "point", point.correct("d1", NOON_MS + DAY_MS, "paint", by="operator", reason="paint tins")
    )
    assert 60_000 == waste(street)
    (one,) = found(street)
    assert ("paint", "glass") == (one["fraction"], one["chosen"])
    assert [("operator", "paint tins", "")] == [
        (c["by"], c["reason"], c["sentence"]) for c in one["corrections"]
    ]


def test_whoever_reads_a_credit_sees_the_club_and_the_correction(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A", club="bram"))
    street.take("point", point.correct("d1", NOON_MS + 1, "paint", by="operator", reason="tins"))
    told = why(
        street.community.db,
        ID,
        2,
        registry=street.community.registry,
        policies=street.community.policies,
    )["evidence"]
    assert [["Given to bram.", "Corrected by the operator, to paint: tins."]] == [
        remarks(one) for one in told
    ]


def test_a_depositor_cannot_change_the_kind(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A", fraction="paper"))
    street.take("point", point.correct("d1", NOON_MS + 1, "glass"))
    assert 0 == waste(street)
    (waits,) = held_corrections(street.community.db, ID)
    assert waits["sentence"].startswith("Only an operator can say")


def test_the_last_correction_stands(street):
    point = Point()
    street.take("point", point.bring("d1", grams=2_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + 1))
    street.take("point", point.correct("d1", NOON_MS + 2, "paint", by="operator", reason="tins"))
    assert (60_000, ["credited"]) == (waste(street), states(street))
    street.take("point", point.correct("d1", NOON_MS + 3, by="operator", reason="no: hers"))
    assert (0, ["withdrawn"]) == (waste(street), states(street))


def test_a_corrected_kind_is_judged_as_that_kind(street):
    point = Point()
    street.take("point", point.bring("d1", grams=25_000, card="A"))
    street.take("point", point.correct("d1", NOON_MS + 1, "metal", by="operator", reason="cans"))
    assert (0, ["d1"]) == (waste(street), held(street))
    street.take("point", point.correct("d1", NOON_MS + 2, "lamps", by="operator", reason="lamps"))
    stored = street.community.db.execute("SELECT verdict FROM deposit").fetchall()
    assert [("unit",)] == stored


def test_a_correction_of_a_deposit_that_never_came_changes_nothing(street):
    street.take("point", Point().correct("d9", NOON_MS))
    verdicts = street.community.db.execute("SELECT deposit, verdict FROM correction").fetchall()
    assert [("d9", "unknown")] == verdicts


def test_a_point_corrects_only_deposits_of_its_own(street):
    street.take("point", Point().bring("d1", grams=2_000, card="A"))
    street.take("home", Point("home").correct("d1", NOON_MS, by="operator", reason="mine"))
    assert 100_000 == waste(street)


# Verified scales.

ONE_MS = MIDNIGHT_MS + 60 * MINUTE_MS
MARK = ScaleVerified(
    "point", "scale", "S1", "III", 20_000, 60_000_000, ONE_MS, MIDNIGHT_MS + DAY_MS
)


def voucher(street: Street) -> int:
    return street.balance("acc-noor", "VOUCHER")


def test_only_a_verified_scale_earns_what_can_be_redeemed(street):
    # 4 kg of metal: 0.04 of waste credit, and 2.00 euro where the scale is verified.
    street.take("point", Point().bring("d1", grams=4_000, fraction="metal", card="A", serial="S1"))
    assert (40_000, 0) == (waste(street), voucher(street))
    (one,) = found(street)
    assert one["sentence"].startswith("Not weighed on a verified scale")
    edit(street, MARK)
    assert (40_000, 200) == (waste(street), voucher(street))
    assert [""] == [one["sentence"] for one in found(street)]
    # The mark is taken away from the beginning.
    edit(street, ScaleVerified(**{**as_dict(MARK), "until_ms": ONE_MS + 1}))
    assert (40_000, 0) == (waste(street), voucher(street))


def as_dict(edit_) -> dict:
    return {name: getattr(edit_, name) for name in edit_.__struct_fields__}


@pytest.mark.parametrize(
    ("brought", "euros"),
    [
        ({"grams": 400}, 20),
        ({"grams": 399}, 0),
        ({"grams": 400, "serial": "S2"}, 0),
        ({"grams": 400, "serial": ""}, 20),
        ({"grams": 400, "at_ms": ONE_MS - 1}, 0),
        ({"grams": 400, "at_ms": ONE_MS}, 20),
        ({"grams": 400, "at_ms": MIDNIGHT_MS + DAY_MS}, 0),
    ],
    ids=[
        "twenty divisions",
        "less than twenty divisions",
        "another scale",
        "a scale that does not tell its number",
        "before the mark",
        "the first moment of the mark",
        "after the mark",
    ],
)
def test_a_mark_holds_for_its_scale_in_its_time_and_range(street, brought, euros):
    edit(street, MARK)
    bag = {"serial": "S1", "fraction": "metal", "card": "A", **brought}
    street.take("point", Point().bring("d1", **bag))
    assert euros == voucher(street)


@pytest.mark.parametrize(("operator", "euros"), [("yes", 45), ("", 0)])
def test_pieces_are_redeemable_where_an_operator_counted_them(street, operator, euros):
    cans = Point().bring("d1", pieces=3, fraction="cans", card="A", operator=operator)
    street.take("point", cans)
    assert (euros, ["credited" if euros else "counted"]) == (voucher(street), states(street))


def test_more_than_a_verified_scale_carries_waits(street):
    edit(street, MARK)
    point = Point()
    street.take("point", point.bring("d1", grams=19_000, gross_g=60_000, card="A", serial="S1"))
    street.take(
        "point",
        point.bring("d2", NOON_MS + 1, grams=19_000, gross_g=60_001, card="A", serial="S1"),
    )
    assert (["d2"], 950_000) == (held(street), waste(street))
