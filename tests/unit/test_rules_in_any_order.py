"""All rules together: whatever comes when, the same is due. Papers keep the order of their own."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, NOON_MS, Street, key
from tests.unit.test_charges import BAGS
from tests.unit.test_settle import lives, state

DAY = "2026-06-21"

# By day and by night at two rates, a bonus for what is checked, charges, days, hours and times.
EVERYTHING = (
    BAGS.replace('id = "sun"', 'id = "sun"\nhours = "06:00-22:00"')
    + """
[assets.HOURS]
unit = "hour"
scale = 2
kind = "credit"

[[rules]]
id = "night"
rule = "energy_exported"
version = 1
asset = "ENERGY"
hours = "22:00-06:00"
registers = ["1-0:2.8.1"]
credit = "2"
per = "1 kWh"

[[rules]]
id = "bonus"
rule = "energy_exported"
version = 1
asset = "ENERGY"
exclusive = "bonus"
grade = "checked"
registers = ["1-0:2.8.1"]
credit = "1"
per = "1 kWh"

[[rules]]
id = "hours"
rule = "time_given"
version = 1
asset = "HOURS"
rates.care = { credit = "1", per = "1 h" }

[[rules]]
id = "there"
rule = "participation"
version = 1
asset = "TIMES"
activities = ["care", "assembly"]
"""
)
PAPERS = [
    ("a", Attestation("noor", DAY, "care", 1_400, "Mirjam")),
    ("b", Attestation("noor", DAY, "care", 60, "Mirjam")),
    ("c", Attestation("bram", DAY, "assembly", 0, "the chair")),
    ("d", TakenBack(1, 1, "not so long")),
]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_rule_gives_the_same_in_any_order_batching_repetition_and_restart(data):
    """Invariants 2 and 6 (DESIGN), 7 and 19 (ledger)."""
    deliveries = lives()
    with tempfile.TemporaryDirectory() as folder:
        plain = Street(Path(folder) / "plain", policy=EVERYTHING)
        for gateway, one in deliveries:
            plain.take(gateway, one)
        for paper in PAPERS:
            plain.say(*paper)
        expected = state(plain)
        shuffled = data.draw(st.permutations(deliveries + deliveries[:3]))
        papers = list(PAPERS)
        street = Street(Path(folder) / "shuffled", policy=EVERYTHING)
        while shuffled or papers:
            size = data.draw(st.integers(1, 20))
            batch, shuffled = shuffled[:size], shuffled[size:]
            street.inbox.take(batch, now_ms=NOON_MS)
            happening = data.draw(st.sampled_from(["nothing", "a paper", "a restart"]))
            if papers and (happening == "a paper" or not shuffled):
                street.say(*papers.pop(0))
            if happening == "a restart":
                street.community.db.close()
                street.open()
        while street.community.settle(NOON_MS):
            pass
        assert expected == state(street)
        verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_the_day_comes_to_what_a_hand_works_out(tmp_path):
    """Hours: the 1,400 minutes are taken back, so that the 60 fit: one hour. Times: the deposits of
    one day, and the attestation that stands: two for noor, one for the assembly for bram.
    """
    street = Street(tmp_path, policy=EVERYTHING)
    for gateway, one in lives():
        street.take(gateway, one)
    for paper in PAPERS:
        street.say(*paper)
    assert 100 == street.balance("acc-noor", "HOURS")
    assert 0 == street.balance("acc-bram", "HOURS")
    claims = street.community.db.execute(
        "SELECT member, rule, due FROM claim WHERE asset = 'TIMES' AND due != 0 ORDER BY 1, 2"
    ).fetchall()
    assert [("bram", "there", 1), ("noor", "there", 1)] == [
        claim for claim in claims if claim[1] == "there"
    ]
