"""`policy simulate`: what other rules would have given, beside what was due; nothing is written."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reading import Reading
from gateway.contract import record as records
from gateway.contract.errors import UsageError
from ledger_bridge.books import store
from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.policy.simulate import Change, Key, simulate
from ledger_bridge.books.registry.edits import GatewayAdmitted, MeterFitted
from ledger_bridge.books.telling.simulated import told
from ledger_bridge.page.simulated import BARS_MAX, bars, page
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, Street, key

DAY_MS = 86_400_000

# The giver earns for what others used in the same quarter-hour, instead of for all.
SHARED = re.sub(
    r'rule = "energy_exported"(.*?)registers = [^\n]*',
    r'rule = "energy_shared"\1key = "pro-rata"\nearns = "giver"',
    POLICY,
    count=1,
    flags=re.DOTALL,
)
DEARER = POLICY.replace('credit = "0.05"', 'credit = "0.10"')


def counts(chain: Chain, quarter: int, *, out_wh: int, in_wh: int) -> bytes:
    """Both counters after so many quarter-hours."""
    at_ms = MIDNIGHT_MS + quarter * QUARTER_MS
    pack = [
        records.element("hall", Reading(register, wh * 1000, "mWh", at_ms, "E1"), base_ms=at_ms)
        for register, wh in (("1-0:2.8.1", out_wh), ("1-0:1.8.1", in_wh))
    ]
    return chain.record(pack, made_ms=at_ms)


def street_of(folder: Path, *, policy: str = POLICY) -> Street:
    """Noor gives 3 kWh back in the first quarter-hour, of which Bram uses 1.2; both bring glass."""
    street = Street(folder, policy=policy)
    street.edit(
        GatewayAdmitted("barn", key("barn").public.x), MeterFitted("barn", "hall", "", "bram", 0)
    )
    noor, bram, point = Chain("home"), Chain("barn"), Chain("point")
    street.take(
        "home",
        counts(noor, 0, out_wh=0, in_wh=0),
        counts(noor, 1, out_wh=3000, in_wh=0),
        counts(noor, 96, out_wh=3000, in_wh=500),
    )
    street.take(
        "barn",
        counts(bram, 0, out_wh=0, in_wh=0),
        counts(bram, 1, out_wh=0, in_wh=1200),
        counts(bram, 96, out_wh=0, in_wh=1200),
    )
    street.take(
        "point",
        point.deposit(NOON_MS, grams=4000),
        point.deposit(NOON_MS, grams=30_000, card="B"),
    )
    while street.community.settle(NOON_MS):
        pass
    return street


def simulated(street: Street, toml: str, first: str = "2026-06-21", last: str = "2026-06-21"):
    db = store.open_to_read(street.path)
    try:
        return simulate(
            db,
            ID,
            parse(toml, name="policy"),
            registry=street.community.registry,
            first=first,
            last=last,
            progress=lambda done, total: None,
        )
    finally:
        db.close()


def test_what_was_due_and_what_would_have_been(tmp_path):
    """By hand. Noor gave 3 kWh back, at 1/3 a kWh: 1 credit. Of them Bram used 1.2 kWh in the same
    quarter-hour, so that sharing gives her 1.2/3 = 0.4. 4 kg of glass: 0.2 at 0.05, 0.4 at 0.10.
    Bram's 30 kg are capped at 1 a day either way.
    """
    expected = {
        Key("bram", "WASTE", "waste"): Change(1_000_000, 1_000_000),
        Key("noor", "ENERGY", "sun"): Change(1_000_000, 400_000),
        Key("noor", "WASTE", "waste"): Change(200_000, 400_000),
    }
    toml = SHARED.replace('credit = "0.05"', 'credit = "0.10"')
    assert expected == simulated(street_of(tmp_path), toml).changes


@pytest.mark.parametrize("toml", [DEARER, SHARED, SHARED.replace("giver", "taker")])
def test_it_is_what_those_rules_give_where_they_are_in_force(tmp_path, toml):
    """Another street that had these rules all along is the peer."""
    peer = street_of(tmp_path / "peer", policy=toml)
    rows = peer.community.db.execute("SELECT member, asset, rule, due FROM claim WHERE due != 0")
    expected = {Key(*key_): due for *key_, due in rows}
    found = simulated(street_of(tmp_path / "here"), toml).changes
    assert expected == {key_: change.after for key_, change in found.items() if change.after}


@given(
    grams=st.lists(st.integers(1, 50_000), max_size=6),
    wh=st.lists(st.integers(0, 4_000), max_size=4),
    cap=st.sampled_from(["1 per day", "2 per week", "3.5 per 4 weeks"]),
)
@settings(max_examples=12)
def test_the_rules_in_force_change_nobody_and_nothing(grams, wh, cap):
    """Invariant 19 (ledger): due recomputes from evidence, registry and policy."""
    toml = POLICY.replace("2026-06-21", "2026-06-15").replace("1 per day", cap)
    with tempfile.TemporaryDirectory() as folder:
        street = Street(Path(folder), policy=toml)
        point, home = Chain("point"), Chain("home")
        ends = [sum(wh[:n]) for n in range(len(wh) + 1)]
        street.take(
            "home",
            *(counts(home, 24 * n, out_wh=end, in_wh=0) for n, end in enumerate(ends)),
        )
        street.take(
            "point",
            *(point.deposit(NOON_MS + n * 3_600_000, grams=g) for n, g in enumerate(grams)),
        )
        before = list(street.community.db.iterdump())
        found = simulated(street, toml, "2026-06-20", "2026-06-25")
        assert all(change.before == change.after for change in found.changes.values())
        assert before == list(street.community.db.iterdump())
        street.community.db.close()


def test_a_period_of_weeks_counts_as_a_whole_where_it_has_a_day_in_the_range(tmp_path):
    """The 4 weeks from 15 June: what came on the 21st counts though only the 25th is asked for."""
    weekly = POLICY.replace("2026-06-21", "2026-06-15").replace("1 per day", "9 per 4 weeks")
    found = simulated(street_of(tmp_path), weekly, "2026-06-25", "2026-06-26").changes
    assert Change(0, 1_500_000) == found[Key("bram", "WASTE", "waste")]  # 30 kg at 0.05


def test_what_is_still_to_be_settled_is_told(tmp_path):
    street = street_of(tmp_path)
    street.community.db.execute(
        "INSERT INTO dirty VALUES (?, 'waste', 'noor', '2026-06-21')", (ID,)
    )
    assert 1 == simulated(street, POLICY).waiting
    assert 0 == simulated(street, POLICY, "2026-06-22", "2026-06-22").waiting


@pytest.mark.parametrize(
    ("first", "last"), [("2026-06-22", "2026-06-21"), ("1990-01-01", "2026-06-21")]
)
def test_a_range_that_is_none_or_too_long_is_wrong_use(tmp_path, first, last):
    with pytest.raises(UsageError, match="1 to 3660 days"):
        simulated(Street(tmp_path), POLICY, first, last)


def test_it_is_told_who_gains_and_who_loses_and_why(tmp_path):
    street = street_of(tmp_path)
    toml = SHARED.replace('credit = "0.05"', 'credit = "0.10"')
    policy = parse(toml, name="policy")
    found = told(
        simulated(street, toml),
        policy,
        policies=street.community.policies,
        registry=street.community.registry,
        db=street.community.db,
    )
    assert [
        "In all 0.4 ENERGY instead of 1, 0.6 less; 0 get more, 1 less, 0 the same.",
        "In all 1.4 WASTE instead of 1.2, 0.2 more; 1 get more, 0 less, 1 the same.",
    ] == [one["sentence"] for one in found["totals"]]
    assert [
        "noor: 0,4 ENERGY in plaats van 1, 0,6 minder (sun -0,6).",
        "noor: 0,4 WASTE in plaats van 0,2, 0,2 meer (waste +0,2).",
        "bram: 1 WASTE, net als eerst.",
    ] == [one["zin"] for one in found["holders"]]
    assert ("1.400000", "0.000000") == (found["totals"][1]["minted"], found["totals"][1]["charged"])


POOL = """
[[exchanges]]
id = "sun-for-waste"
gives = "ENERGY"
gets = "WASTE"
rate = "1/2"
pool = "pool"
"""


def test_it_is_told_what_a_pool_would_need(tmp_path):
    """Noor would have 1 ENERGY, at half a WASTE each: the pool needs 0.5, and holds nothing."""
    street = street_of(tmp_path)
    toml = POLICY.replace("[[rules]]", f"{POOL}\n[[rules]]", 1)
    found = told(
        simulated(street, toml),
        parse(toml, name="policy"),
        policies=street.community.policies,
        registry=street.community.registry,
        db=street.community.db,
    )
    (pool,) = found["pools"]
    assert ("0.500000", "0.000000") == (pool["needs"], pool["holds"])
    expected = "sun-for-waste: for all ENERGY the pool 'pool' would need 0.5 WASTE; it holds 0."
    assert expected == pool["sentence"]


def holders(count: int) -> list[dict]:
    return [
        {"holder": f"m{n}", "asset": "ENERGY", "change": str(50 - n), "units": 50 - n}
        for n in range(count)
    ]


def test_the_longest_bar_is_of_whom_it_changes_most():
    """50 units are 200 long, so 1 unit is 4; who loses is on the other side."""
    found = bars(holders(60), "ENERGY")
    assert ("m0", True, 200, 0) == (found[0].holder, *found[0][2:])
    assert ("m49", True, 4) == (found[49].holder, found[49].is_more, found[49].length)
    # Number 50 does not change; the rows go on without it.
    assert ("m51", False, 4, 50 * 22) == (found[50].holder, *found[50][2:])


def test_of_many_people_those_who_gain_and_lose_most_are_drawn():
    found = bars(holders(200), "ENERGY")
    assert BARS_MAX == len(found)
    assert ("m0", "m29", "m170", "m199") == tuple(found[n].holder for n in (0, 29, 30, 59))


def test_nobodys_words_get_into_the_page_as_more_than_words(tmp_path):
    street = street_of(tmp_path)
    found = told(
        simulated(street, DEARER),
        parse(DEARER, name="policy"),
        policies=street.community.policies,
        registry=street.community.registry,
        db=street.community.db,
    )
    found["holders"][0]["sentence"] = "<script>"
    html = page(ID, found)
    assert "<script>" not in html
    assert 'aria-label="Who would gain and who would lose WASTE"' in html
    assert "http" not in html


def test_hours_of_an_activity_that_no_rule_knew_count_where_the_new_rules_know_it(tmp_path):
    """90 minutes of care wait, for no rule is about care; with one they would be 1.5 hours. What
    was taken back counts on neither side.
    """
    street = street_of(tmp_path)
    street.say(
        "list",
        Attestation("noor", "2026-06-20", "care", 90, "Mirjam"),
        Attestation("noor", "2026-06-20", "care", 30, "Mirjam"),
    )
    street.say("better list", TakenBack(1, 2, "said twice"))
    hours = """
[[rules]]
id = "hours"
rule = "time_given"
version = 1
asset = "WASTE"
rates.care = { credit = "1", per = "1 h" }
"""
    found = simulated(street, POLICY + hours, "2026-06-20", "2026-06-20").changes
    assert {Key("noor", "WASTE", "hours"): Change(0, 1_500_000)} == found
