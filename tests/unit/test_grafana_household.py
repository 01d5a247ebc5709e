"""A household's dashboard shows what the points say, by figures worked out by hand."""

import json

import pytest

from ledger_bridge.grafana import household
from ledger_bridge.grafana.drawing import built, encode
from ledger_bridge.grafana.panels import Community, Panel
from ledger_bridge.timeseries.schema import (
    BALANCE,
    COUNT,
    CREDIT,
    DAY,
    QUARTER,
    SAMPLE,
    SAMPLE_QUARTER,
    SHARED,
    line,
)
from tests.grafana_answers import Shown, answers, without_gaps
from tests.grafana_queries import Span
from tests.influx import MONTHS

BOARD = household.board(Community("Europe/Amsterdam", {"ENERGY": 6, "HOURS": 2}))
# 21 and 22 June 2026 in Amsterdam.
BEGIN_MS = 1_781_992_800_000
END_MIN = 2 * 1_440
SPAN = Span(BEGIN_MS, BEGIN_MS + END_MIN * 60_000)
CHOICE = {
    "community": "zonstraat",
    "account": "a1",
    "rule": "shared",
    "price_taken": "0.50",
    "price_given": "0.25",
}


def at(minute):
    return BEGIN_MS + minute * 60_000


def quarter(minute, flow, gained, spanned=0, *, account="a1", device="p1"):
    key = QUARTER.key("zonstraat", account, "home", device, flow)
    return line(key, [("gained", gained), ("spanned", spanned)], at(minute))


def day(minute, flow, gained, *, account="a1"):
    return line(DAY.key("zonstraat", account, flow), [("gained", gained)], at(minute))


def shared(minute, *, got, gave, account="a1", rule="shared"):
    fields = [("got", got), ("gave", gave), ("final", 0)]
    return line(SHARED.key("zonstraat", account, rule), fields, at(minute))


def credit(minute, kind, asset="ENERGY", *, plus=0, minus=0, account="a1"):
    key = CREDIT.key("zonstraat", account, "member", asset, kind, "-")
    return line(key, [("plus", plus), ("minus", minus), ("bookings", 1)], at(minute))


def balance(minute, has):
    return line(BALANCE.key("zonstraat", "a1", "member", "ENERGY"), [("has", has)], at(minute))


def count(minute, device, register, unit, value, *, meter="1a2b3c4d", account="a1"):
    key = COUNT.key(
        *("zonstraat", account, "home", device, meter, register, unit, "taken", "synced")
    )
    return line(key, [("value", value)], at(minute))


def sample(minute, register, value, *, device="p1", unit="W"):
    key = SAMPLE.key("zonstraat", "a1", "home", device, register, unit, "synced")
    return line(key, [("value", value)], at(minute))


@pytest.fixture
def home(influx):
    mean = SAMPLE_QUARTER.key("zonstraat", "a1", "home", "p1", "1-0:1.7.0", "W", "synced")
    influx.write(
        quarter(600, "taken", 500_000),
        quarter(615, "taken", 250_000),
        # Nothing was heard for 30 minutes, in which it took 1.5 kWh and 2.5 m³ of gas.
        quarter(660, "taken", 0, 1_500_000),
        quarter(660, "gas", 0, 2_500_000),
        quarter(2040, "taken", 1_000_000),
        quarter(2040, "gas", 500_000),
        quarter(600, "given", 125_000),
        quarter(600, "water", 12_000),
        quarter(600, "heat", 500_000_000_000),
        # Behind the main meter, which counts it; and of another home.
        quarter(600, "taken", 0, device="heatpump"),
        quarter(600, "taken", 9_000_000, account="a2"),
        day(0, "taken", 2_250_000),
        day(1_440, "taken", 1_000_000),
        day(0, "given", 125_000),
        day(0, "gas", 2_500_000),
        day(1_440, "gas", 500_000),
        day(0, "water", 12_000),
        day(0, "heat", 500_000_000_000),
        day(0, "taken", 9_000_000, account="a2"),
        line(DAY.key("elders", "a3", "taken"), [("gained", 9_000_000)], at(0)),
        shared(600, got=250_000, gave=62_500),
        shared(615, got=125_000, gave=0),
        shared(2040, got=500_000, gave=0),
        shared(600, got=1, gave=1, rule="poor"),
        shared(600, got=7_000_000, gave=7_000_000, account="a2"),
        credit(-3_000, "entitlement", plus=10_000_000),
        credit(60, "entitlement", plus=5_000_000),
        credit(75, "exchange", minus=4_000_000),
        credit(75, "exchange", "HOURS", plus=200),
        credit(1_500, "retire", minus=3_000_000),
        credit(60, "entitlement", plus=50_000_000, account="a2"),
        balance(74, 15_000_000),
        balance(75, 11_000_000),
        balance(1_500, 8_000_000),
        count(600, "p1", "1-0:1.8.1", "Wh", 1_234_567_000),
        count(615, "p1", "1-0:1.8.1", "Wh", 1_234_817_000),
        count(615, "p1", "0-n:24.2.1", "l", 4_321_500_000, meter="5e6f7a8b"),
        count(630, "heatpump", "1-0:1.8.0", "Wh", 88_000_000),
        count(600, "stove", "6-0:1.0.0", "J", 12_500_000_000_000),
        count(600, "panels", "1-0:1.8.0", "pulse", 5_017),
        count(630, "p1", "1-0:1.8.1", "Wh", 9_000_000, account="a2"),
        mean + f" mean=1500000.0,min=1000000i,max=2000000i {at(600)}",
    )
    influx.write(
        sample(600, "1-0:1.7.0", 400_000),
        sample(601, "1-0:1.7.0", 600_000),
        sample(END_MIN - 5, "1-0:1.7.0", 350_000),
        sample(END_MIN - 4, "1-0:2.7.0", 0),
        sample(END_MIN - 4, "1-0:16.7.0", 900_000, device="heatpump"),
        sample(600, "1-0:32.7.0", 231_400, unit="V"),
        database=MONTHS,
    )
    return influx


P1 = {"gateway": "home", "device": "p1"}
HEATPUMP = {"gateway": "home", "device": "heatpump"}
CASES = {
    "by quarter-hour": (
        101,
        [
            Shown("A", {}, [[600, 0.5], [615, 0.25], [660, 0], [2040, 1]]),
            Shown("B", {}, [[600, 0.125]]),
            Shown("C", {}, [[600, 0.25], [615, 0.125], [2040, 0.5]]),
            Shown("D", {}, [[600, 0.0625], [615, 0], [2040, 0]]),
        ],
    ),
    "over several": (102, [Shown("A", {}, [[660, 1.5]]), Shown("C", {}, [[660, 2.5]])]),
    "by day": (
        103,
        [
            Shown("A", {}, [[0, 2.25], [1440, 1]]),
            Shown("B", {}, [[0, 0.125]]),
            Shown("C", {}, [[0, 0.375], [1440, 0.5]]),
            Shown("D", {}, [[0, 0.0625], [1440, 0]]),
        ],
    ),
    "in this time": (
        104,
        [
            Shown("A", {}, [[0, 3.25]]),
            Shown("B", {}, [[0, 0.125]]),
            Shown("C", {}, [[0, 0.875]]),
            Shown("D", {}, [[0, 0.0625]]),
        ],
    ),
    "cost": (201, [Shown("A", {}, [[0, 1.625]]), Shown("B", {}, [[0, 0.03125]])]),
    "cost by day": (
        202,
        [Shown("A", {}, [[0, 1.125], [1440, 0.5]]), Shown("B", {}, [[0, 0.03125]])],
    ),
    "gas and water by quarter-hour": (
        251,
        [Shown("A", {}, [[660, 0], [2040, 0.5]]), Shown("B", {}, [[600, 0.012]])],
    ),
    "gas and water by day": (
        252,
        [Shown("A", {}, [[0, 2.5], [1440, 0.5]]), Shown("B", {}, [[0, 0.012]])],
    ),
    "heat by quarter-hour": (253, [Shown("A", {}, [[600, 0.5]])]),
    "heat by day": (254, [Shown("A", {}, [[0, 0.5]])]),
    "balance": (301, [Shown("A", {}, [[0, 8]]), Shown("B", {}, [[0, 2]])]),
    "added and taken": (
        302,
        [
            Shown("A", {}, [[0, 5], [1440, 0]]),
            Shown("B", {}, [[0, 2]]),
            Shown("C", {}, [[0, 4], [1440, 3]]),
            Shown("D", {}, [[0, 0]]),
        ],
    ),
    "course of the balance": (303, [Shown("A", {}, [[74, 11], [1500, 8]])]),
    "power now": (
        402,
        [
            Shown("A", P1, [[2875, 350]]),
            Shown("B", P1, [[2876, 0]]),
            Shown("C", HEATPUMP, [[2876, 900]]),
        ],
    ),
    "power": (
        403,
        [
            Shown("A", P1, [[600, 500], [2874, 350]]),
            Shown("B", P1, [[2876, 0]]),
            Shown("C", HEATPUMP, [[2876, 900]]),
        ],
    ),
    "voltage": (404, [Shown("A", P1, [[600, 231.4]])]),
    "power kept for long": (405, [Shown("A", P1, [[600, 1500]])]),
    "counts": (
        501,
        [
            Shown(
                "A",
                {**P1, "meter": "1a2b3c4d", "register": "1-0:1.8.1", "unit": "Wh"},
                [[615, 1234.817]],
            ),
            Shown(
                "A",
                {**HEATPUMP, "meter": "1a2b3c4d", "register": "1-0:1.8.0", "unit": "Wh"},
                [[630, 88]],
            ),
            Shown(
                "B",
                {**P1, "meter": "5e6f7a8b", "register": "0-n:24.2.1", "unit": "l"},
                [[615, 4321.5]],
            ),
            Shown(
                "C",
                {
                    **P1,
                    "device": "stove",
                    "meter": "1a2b3c4d",
                    "register": "6-0:1.0.0",
                    "unit": "J",
                },
                [[600, 12.5]],
            ),
            Shown(
                "D",
                {
                    **P1,
                    "device": "panels",
                    "meter": "1a2b3c4d",
                    "register": "1-0:1.8.0",
                    "unit": "pulse",
                },
                [[600, 5017]],
            ),
        ],
    ),
}


@pytest.mark.parametrize(("panel", "shown"), CASES.values(), ids=CASES)
def test_each_panel_shows_what_the_points_say(home, panel, shown):
    assert shown == without_gaps(answers(BOARD, panel, home, SPAN, CHOICE))


def test_every_panel_that_asks_is_tried():
    ids = {part.id for part in BOARD.parts if isinstance(part, Panel) and part.kind != "words"}
    assert ids == {panel for panel, _ in CASES.values()}


def test_what_was_gained_over_several_quarter_hours_stands_in_none(home):
    taken, *_ = answers(BOARD, 101, home, SPAN, CHOICE)
    assert [[615, 0.25], [630, None], [645, None], [660, 0], [675, None]] == taken.rows[41:46]


def test_only_the_meters_that_are_chosen_are_listed(home):
    found = answers(BOARD, 501, home, SPAN, CHOICE | {"device": "heatpump"})
    assert ["heatpump"] == [one.tags["device"] for one in found]


def test_the_members_are_those_of_the_community_who_have_a_meter(home):
    told = json.loads(encode(built(BOARD, "nl", "Europe/Amsterdam")))
    (asked,) = [one["query"] for one in told["templating"]["list"] if one["name"] == "account"]
    found = home.query(asked.replace("${community:raw}", "zonstraat"))
    assert [["account", "a1"], ["account", "a2"]] == found[0].values


def test_the_cost_says_what_it_leaves_out():
    (figures,) = [part for part in BOARD.parts if part.id == 201]
    for words in ("saldering", "terugleverkosten"):
        assert words in (figures.title.nl + figures.title.en).lower()
    assert "Dit is geen rekening" in figures.about.nl
    assert "This is no bill" in figures.about.en
