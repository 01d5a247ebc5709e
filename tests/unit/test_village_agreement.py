"""The comparison of books and truth: agrees on the true books, and sees every single falsehood."""

import copy
from decimal import Decimal

import pytest

from firmware_sim import agreement, sharing
from firmware_sim.agreement import Books
from firmware_sim.sharing import Flow
from firmware_sim.street import DEVICES, HOMES
from firmware_sim.truth import Bag, Day

GLASS, UNKNOWN, LAMPS = "aa" * 16, "bb" * 16, "dd" * 16
AT, AT_MS = "2026-06-21T10:00:00Z", 1_782_036_000_000
BEFORE, BEFORE_MS = "2026-06-21T09:45:00Z", 1_782_035_100_000
DAY = Day(
    day="2026-06-21",
    exported_wh={"noor": 3_000},
    imported_wh={"bram": 1_000, "sanne": 500},
    bags=[
        Bag("noor", "glass", 3_217_400, 3_215_000, 0, GLASS, 3_215_000, "", False, AT_MS),
        Bag("", "paper", 1_000_000, 1_000_000, 0, UNKNOWN, 1_000_000, "", False, AT_MS),
        Bag("sanne", "lamps", 0, 0, 3, LAMPS, 0, "", False, AT_MS),
    ],
    turned_away=["same_bag"],
)
BEGIN, END = "2026-06-20T22:00:00Z", "2026-06-21T22:00:00Z"
BEGIN_MS, END_MS = 1_781_992_800_000, 1_782_079_200_000
STEPS = {
    ("home-noor", "hall", BEFORE_MS): {"1-0:2.8.1": 413_989_000},
    ("home-noor", "hall", AT_MS): {"1-0:2.8.1": 416_989_000},
    ("home-bram", "hall", BEFORE_MS): {"1-0:1.8.1": 1_000_000},
    ("home-bram", "hall", AT_MS): {"1-0:1.8.1": 2_000_000},
    ("home-sanne", "hall", BEFORE_MS): {"1-0:1.8.0": 7_000_000},
    ("home-sanne", "hall", AT_MS): {"1-0:1.8.0": 7_500_000},
    ("home-noor", "heat", AT_MS + 50_000): {"6-0:1.0.0_1": 4 * 10**12},
    ("home-noor", "heatpump", AT_MS - 10_000): {"1-0:1.8.0": 5_000},
    **{(*place, BEGIN_MS): {"c": 5} for place in DEVICES},
    **{(*place, END_MS): {"c": 12} for place in DEVICES},
}


def _line(rule, asset, quantity, credit):
    return {"rule": rule, "asset": asset, "quantity": quantity, "credit": credit, "settled": True}


def _statement(given, taken, waste, waste_credit, **more):
    """`given` and `taken` in kWh as text, credited at 1 per kWh."""
    mwh = {way: round(float(kwh) * 1_000_000) for way, kwh in (("given", given), ("taken", taken))}
    lines = [
        _line("shared", "ENERGY", mwh, given),
        _line("neighbours", "KWH", mwh, taken),
        _line("waste", "WASTE", waste, waste_credit),
    ]
    return {"lines": lines, "readings": [], "deposits": [], **more}


def _quarter(member, register, before, after):
    """A meter at the front door, at both ends of a quarter-hour."""
    return [
        _reading(f"home-{member}", "hall", register, at, value)
        for at, value in ((AT, after), (BEFORE, before))
    ]


def _reading(gateway, device, register, at, value):
    place = {"gateway": gateway, "device": device}
    return place | {"register": register, "at": at, "value": value, "unit": "mWh"}


def _midnights(member):
    """Every meter of this member at the two midnights."""
    return [
        _reading(home.gateway, device.name, "c", at, value)
        for home in HOMES
        if home.member == member
        for device in home.devices
        for at, value in ((BEGIN, 5), (END, 12))
    ]


def _deposit(deposit, fraction, net_mg, state, pieces=None):
    told = {"id": deposit, "fraction": fraction, "net_mg": net_mg, "at": AT, "state": state}
    return told | {"pieces": pieces}


@pytest.fixture
def books():
    """Books that are right. In one quarter-hour noor gives back 3 kWh, bram uses 1 and sanne 0.5:
    noor gave 1.5 to neighbours, and 1.5 is left over. 3.215 kg of glass at 0.05, 3 lamps at 0.1.
    """
    nobody = _statement("0", "0", {}, "0.000000")
    people = ("noor", "bram", "sanne", "vv-zon", "yusuf")
    return Books(
        {
            "noor": _statement(
                "1.500000",
                "0",
                {"glass": 3_215_000},
                "0.160750",
                readings=[
                    *_quarter("noor", "1-0:2.8.1", 413_989_000, 416_989_000),
                    *_midnights("noor"),
                ],
                deposits=[_deposit(GLASS, "glass", 3_215_000, "credited")],
            ),
            "bram": _statement(
                "0",
                "1.000000",
                {},
                "0.000000",
                readings=[
                    *_quarter("bram", "1-0:1.8.1", 1_000_000, 2_000_000),
                    *_midnights("bram"),
                ],
            ),
            "sanne": _statement(
                "0",
                "0.500000",
                {"lamps": 3_000},
                "0.300000",
                readings=[
                    *_quarter("sanne", "1-0:1.8.0", 7_000_000, 7_500_000),
                    *_midnights("sanne"),
                ],
                deposits=[_deposit(LAMPS, "lamps", None, "credited", 3)],
            ),
            "vv-zon": copy.deepcopy(nobody),
            "yusuf": copy.deepcopy(nobody) | {"readings": _midnights("yusuf")},
        },
        [_deposit(UNKNOWN, "paper", 1_000_000, "held")],
        [
            *({"account": f"acc-{n}", "holder": n, "role": "member"} for n in people),
            {"account": "x", "holder": "supplier", "role": "supplier", "balances": {"KWH": "1.5"}},
        ],
        {"verified": True},
    )


def _found(books):
    return list(agreement.differences(DAY, books, STEPS))


def test_true_books_agree(books):
    assert _found(books) == []


def test_a_credit_one_unit_off_is_seen(books):
    books.statements["noor"]["lines"][0]["credit"] = "1.499999"
    assert _found(books)[0].startswith("noor: measured")


def test_a_quantity_one_milliwatt_hour_off_is_seen(books):
    books.statements["bram"]["lines"][0]["quantity"]["given"] += 1
    assert _found(books)[0].startswith("bram: measured")


def test_a_line_that_is_still_being_settled_is_seen(books):
    books.statements["bram"]["lines"][1]["settled"] = False
    assert len(_found(books)) == 1


def test_a_reading_that_the_meter_never_showed_is_seen(books):
    books.statements["noor"]["readings"][0]["value"] += 1000
    said = (
        "home-noor/hall 1-0:2.8.1 at 2026-06-21T10:00:00Z is 416990000 in the books;"
        " the meter showed 416989000"
    )
    assert said in _found(books)


@pytest.mark.parametrize(
    ("device", "register", "at", "value"),
    [
        ("hall", "1-0:2.8.1", "2026-06-21T10:00:10Z", 416_989_000),
        ("heat", "6-0:1.0.0_1", "2026-06-21T10:01:00Z", 4 * 10**12),
        ("heat", "6-0:1.0.0_1", "2026-06-21T09:59:00Z", 4 * 10**12),
        ("heatpump", "1-0:1.8.0", "2026-06-21T10:00:10Z", 5_000),
        ("heatpump", "1-0:1.8.0", "2026-06-21T09:59:40Z", 5_000),
    ],
    ids=["the step after", "the minute after", "the minute before", "too late", "too soon"],
)
def test_a_true_reading_under_a_stamp_that_is_not_its_own_is_seen(
    books, device, register, at, value
):
    books.statements["noor"]["readings"].append(_reading("home-noor", device, register, at, value))
    assert len(_found(books)) == 1


@pytest.mark.parametrize(
    ("device", "register", "value"),
    [("heat", "6-0:1.0.0_1", 4 * 10**12), ("heatpump", "1-0:1.8.0", 5_000)],
    ids=["within the minute of its stamp", "a step before it was heard"],
)
def test_a_stamp_is_true_within_what_it_leaves_open(books, device, register, value):
    reading = _reading("home-noor", device, register, AT, value)
    books.statements["noor"]["readings"].append(reading)
    assert _found(books) == []


def test_a_meter_that_was_not_read_at_a_midnight_is_seen(books):
    del books.statements["bram"]["readings"][-1]
    assert _found(books) == ["home-bram/water was not read at both midnights of 2026-06-21"]


def test_what_a_meter_counted_is_from_midnight_to_midnight(books):
    (heat,) = [one for one in agreement.meters(DAY, books) if one.device == "heat"]
    assert (heat.member, heat.kind, heat.readings, heat.used) == ("noor", "mbus", 2, {"c": 7})


def test_a_lost_a_doubled_and_an_invented_deposit_are_seen(books):
    deposits = books.statements["noor"]["deposits"]
    kept = deposits.pop()
    assert _found(books) == [f"deposit {GLASS} of noor is 0 times in the books"]
    deposits += [kept, kept]
    assert _found(books) == [f"deposit {GLASS} of noor is 2 times in the books"]
    deposits[1] = _deposit("cc" * 16, "glass", 1, "credited")
    assert _found(books) == [
        f"deposit {'cc' * 16} is in the books and was never accepted on the screen"
    ]


def test_an_unknown_card_that_was_credited_is_seen(books):
    books.statements["sanne"]["deposits"].append(books.held.pop())
    assert _found(books) == [f"deposit {UNKNOWN} of an unknown card is 1 times in the books"]


def test_what_verify_says_against_the_books_comes_first(books):
    found = _found(books._replace(verify={"verified": False, "what": "hash", "where": "leaf 3"}))
    assert found == ["verify says that the books differ: hash (leaf 3)"]


def test_the_floor_comes_once_after_the_sum():
    # 2/3 and 1/2 of a unit: floored apart they would be nothing.
    expected = Decimal("0.000001")
    assert agreement.waste_credit({"textile": 8, "glass": 10}) == expected


def test_a_bag_that_was_accepted_twice_is_seen(books, monkeypatch):
    monkeypatch.setattr(DAY, "turned_away", ["same_bag", ""])
    assert _found(books) == ["somebody's bag was accepted twice"]


def test_a_piece_too_many_is_seen(books):
    books.statements["sanne"]["deposits"][0]["pieces"] = 4
    assert len(_found(books)) == 1


def test_a_neighbour_who_took_too_little_is_seen(books):
    books.statements["sanne"]["lines"][1] |= {"quantity": {"taken": 499_999}, "credit": "0.499999"}
    assert _found(books)[0].startswith("sanne: measured")


def test_energy_that_vanished_is_seen(books):
    books.balances[-1]["balances"]["KWH"] = "1.499999"
    assert _found(books) == ["the supplier has 1.499999 kWh; 1500000 mWh were left over"]


def test_what_is_used_behind_a_meter_is_counted_once():
    """The heat pump took 2 kWh, which the meter at the front door counts as well."""
    behind = [
        _reading("home-noor", "heatpump", "1-0:1.8.0", at, value)
        for at, value in ((BEFORE, 0), (AT, 2_000_000))
    ]
    door = _quarter("noor", "1-0:1.8.1", 0, 3_000_000)
    flows = sharing.flows({"noor": {"readings": behind + door}})
    assert {"noor": (0, 3_000_000)} == dict(flows[AT_MS // 900_000 - 1])


def test_a_total_is_not_counted_beside_its_tariffs():
    told = [
        *_quarter("yusuf", "1-0:1.8.0", 0, 3_000_000),
        *_quarter("yusuf", "1-0:1.8.1", 0, 3_000_000),
    ]
    flows = sharing.flows({"yusuf": {"readings": told}})
    assert {"yusuf": (0, 3_000_000)} == dict(flows[AT_MS // 900_000 - 1])


def test_scarce_energy_goes_by_use_and_the_rest_of_a_division_to_the_largest_remainder():
    """10 mWh to uses of 20, 10 and 4: 5.88, 2.94 and 1.18."""
    quarter = {
        "roof": Flow(10, 0),
        "a": Flow(0, 20),
        "b": Flow(0, 10),
        "c": Flow(0, 4),
    }
    shared = sharing.share({0: quarter}, ["roof", "a", "b", "c"])
    assert {"roof": (10, 0), "a": (0, 6), "b": (0, 3), "c": (0, 1)} == shared.members
    assert 0 == shared.left


def test_caps_hold():
    assert agreement.shared_credit(20_001_000) == Decimal("20.000000")
    assert agreement.waste_credit({"plastic": 90_000_000}) == Decimal("10.000000")
