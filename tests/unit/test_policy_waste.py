"""What a policy says of fractions, clubs and pieces."""

from fractions import Fraction

import pytest

from gateway.contract.errors import ConfigError
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.rules import waste_deposited
from tests.street import POLICY

LAMPS = """
[fractions.lamps]
euralcode = "20 01 21"
unit = "piece"
nl = "lampen"
en = "lamps"
operator = true
most = "40 piece"

[clubs.vv-dorp]
nl = "de voetbal"
en = "the football club"

"""


def with_lamps(rate: str) -> str:
    text = POLICY.replace("[[rules]]", f"{LAMPS}[[rules]]", 1)
    return f'{text}rates.lamps = {{ credit = "0.1", per = "{rate}" }}\n'


def test_a_fraction_may_be_counted_in_pieces_by_an_operator_up_to_a_most():
    policy = policies.parse(with_lamps("1 piece"), name="policy")
    lamps = policy.fractions["lamps"]
    assert ("piece", True, 40_000) == (lamps.unit, lamps.operator, lamps.most_milli)
    assert {"vv-dorp": "de voetbal"} == {name: club.nl for name, club in policy.clubs.items()}
    waste = policy.rules[1]
    # Seven lamps at a tenth of a credit each.
    assert Fraction(7, 10) == waste_deposited.earned(waste, {"lamps": 7_000})
    assert "0.1 WASTE per piece of lamps" in waste_deposited.in_words(waste)[0]
    assert not policy.fractions["glass"].operator
    assert policy.fractions["glass"].most_milli is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (with_lamps("1 kg"), "'lamps' is counted per piece, not '1 kg'"),
        (with_lamps("1 piece").replace('"40 piece"', '"40 kg"'), "at most '40 kg' of what is"),
        (with_lamps("1 piece").replace('"40 piece"', '"40"'), "'40' is no quantity"),
        (with_lamps("1 piece").replace("clubs.vv-dorp", "clubs.VV"), "VV"),
    ],
    ids=["a rate per kg", "a most in kg", "a most without unit", "a club that is no id"],
)
def test_a_fraction_is_measured_in_its_own_unit(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        policies.parse(text, name="policy")
