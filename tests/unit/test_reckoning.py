"""How a credit came about, in words: quantity, exact fraction, sum, rounding, cap."""

import pytest

from ledger_bridge.books import rules
from ledger_bridge.books.telling.reckoning import reckoning
from tests.laws.test_rules import read

WORDS = {
    ("energy_exported", 0): (
        [
            "1-0:2.8.1: 1.5 kWh earns 0.5 CREDIT",
            "1-0:2.8.2: 0.500001 kWh earns 0.166667 CREDIT",
            "together 0.666667 CREDIT",
        ],
        [
            "1-0:2.8.1: 1,5 kWh is goed voor 0,5 CREDIT",
            "1-0:2.8.2: 0,500001 kWh is goed voor 0,166667 CREDIT",
            "samen 0,666667 CREDIT",
        ],
    ),
    ("energy_exported", 1): (
        ["1-0:2.8.0: 12 kWh earns 1.2 CREDIT", "but at most 1 a day"],
        ["1-0:2.8.0: 12 kWh is goed voor 1,2 CREDIT", "maar hoogstens 1 per dag"],
    ),
    ("energy_shared", 0): (
        ["taken: 1.500009 kWh earns 0.1500009 CREDIT", "rounded down to 0.150000"],
        [
            "taken: 1,500009 kWh is goed voor 0,1500009 CREDIT",
            "naar beneden afgerond op 0,150000",
        ],
    ),
    ("participation", 1): (
        ["glass: 7 days earns 7 TIMES", "but at most 5 in 4 weeks"],
        ["glass: 7 dagen is goed voor 7 TIMES", "maar hoogstens 5 in 4 weken"],
    ),
    ("time_given", 0): (
        [
            "care: 2.5 hours earns 2.5 HOURS",
            "garden: 1/3 hours earns 1/6 HOURS",
            "together 8/3 HOURS",
            "rounded down to 2.66",
        ],
        [
            "care: 2,5 uur is goed voor 2,5 HOURS",
            "garden: 1/3 uur is goed voor 1/6 HOURS",
            "samen 8/3 HOURS",
            "naar beneden afgerond op 2,66",
        ],
    ),
    ("waste_charged", 0): (
        ["residual: 2 times costs 3 EUR"],
        ["residual: 2 keer kost 3 EUR"],
    ),
    ("waste_charged", 1): (
        ["residual: 3.999999 kg costs 0.99999975 EUR", "rounded down to 0.99"],
        ["residual: 3,999999 kg kost 0,99999975 EUR", "naar beneden afgerond op 0,99"],
    ),
    ("waste_deposited", 0): (
        [
            "glass: 2.5 kg earns 0.125 CREDIT",
            "lamps: 2 pieces earns 0.2 CREDIT",
            "textile: 9 kg earns 0 CREDIT",
            "together 0.325 CREDIT",
        ],
        [
            "glass: 2,5 kg is goed voor 0,125 CREDIT",
            "lamps: 2 stuks is goed voor 0,2 CREDIT",
            "textile: 9 kg is goed voor 0 CREDIT",
            "samen 0,325 CREDIT",
        ],
    ),
}


@pytest.mark.parametrize(
    ("name", "n", "english", "dutch"),
    [pytest.param(*place, *said, id=f"{place[0]}-{place[1]}") for place, said in WORDS.items()],
)
def test_a_member_can_follow_how_a_credit_came_about(name, n, english, dutch):
    example = rules.load(name).EXAMPLES[n]
    found = reckoning(*read(example), example.quantities)
    assert (english, dutch) == (found["sentences"], found["zinnen"])


def test_a_program_reads_the_exact_parts_and_their_sum():
    example = rules.load("waste_charged").EXAMPLES[1]
    found = reckoning(*read(example), example.quantities)
    parts = [{"of": "residual", "quantity": "3.999999 kg", "earns": "-0.99999975"}]
    assert (parts, "-0.99999975", "-0.99") == (found["parts"], found["sum"], found["due"])
