"""The whole village, as a new user starts it: real processes, a real broker, one day; and what its
dashboards find in a real database.
"""

import json
import subprocess
import sysconfig
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from firmware_sim import truth
from firmware_sim.agreement import midnights_ms
from firmware_sim.sharing import Flow, share
from firmware_sim.street import COMMUNITY
from ledger_bridge.grafana.alerts import RULES
from ledger_bridge.reader import Reader
from tests.docs import series_pictures
from tests.grafana_queries import (
    Asked,
    Span,
    Variable,
    chosen,
    expand,
    interval_ms,
    of_panels,
    span_of,
)
from tests.influx import MONTHS, Influx

METERKAST = Path(sysconfig.get_path("scripts")) / "meterkast"
ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "meterkast").glob("*/*.json"))
# As wide as half a screen.
PANEL_PX = 600
GIVEN_AND_TAKEN = ("given", "taken")

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


class Street(NamedTuple):
    """A day that is over: what the demonstration said, what is true, what is in the database, and
    until when the hub put down how it fares.
    """

    folder: Path
    code: int
    outcome: dict[str, Any]
    truth: truth.Day
    accounts: dict[str, str]
    influx: Influx
    now_ms: int

    def of_day(self, influxql: str) -> list[dict[str, Any]]:
        """The rows of a query that are of this day."""
        begin_ms, end_ms = midnights_ms(self.truth)
        day = f"time >= {begin_ms}ms AND time < {end_ms}ms"
        return self.influx.rows(influxql.replace("$day", day))

    def measured(self, what: str) -> dict[str, int]:
        """A figure of each member who has any, by account, as the demonstration told it."""
        told = {one["member"]: one["measured"][what] for one in self.outcome["members"]}
        return {self.accounts[member]: figure for member, figure in told.items() if figure}

    def member(self, account: str) -> str:
        return next(member for member, theirs in self.accounts.items() if theirs == account)

    def variables(self, dashboard: dict[str, Any]) -> dict[str, Variable]:
        """As they open, but for the household: that of Noor, who shares what her meters show."""
        return chosen(dashboard, self.influx.query, {"account": self.accounts["noor"]})

    @property
    def seen(self) -> Span:
        """From the day's begin until now."""
        return Span(midnights_ms(self.truth)[0], self.now_ms)

    @property
    def day(self) -> Span:
        """From midnight to midnight."""
        begin_ms, end_ms = midnights_ms(self.truth)
        return Span(begin_ms, end_ms - 1)

    def rows(
        self, asked: Asked, variables: dict[str, Variable], seen: Span | None = None
    ) -> list[list[Any]]:
        """What a query of a panel finds: times and figures, of all series."""
        span, at_least = span_of(asked.panel, seen or self.seen), asked.panel.get("interval") or ""
        step_ms = interval_ms(span, points=PANEL_PX, at_least=at_least)
        influxql = expand(asked.influxql, span=span, step_ms=step_ms, variables=variables)
        found = self.influx.query(influxql, asked.database)
        return [row for series in found for row in series.values]

    def figures(self, name: str, panel: int, seen: Span) -> list[float]:
        """The figure of each query of a panel."""
        dashboard = _read(ROOT / "deploy" / "grafana" / "meterkast" / "en" / f"{name}.json")
        variables = self.variables(dashboard)
        asked = [one for one in of_panels(dashboard) if one.panel["id"] == panel]
        return [sum(row[1] for row in self.rows(one, variables, seen)) for one in asked]


def _read(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return dashboard


def _alive(folder):
    """The processes of this demonstration that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder) in (entry / "cmdline").read_text():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def street(part, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "street"
    with Influx(tmp_path_factory.mktemp("series") / "data", part("influxd")) as database:
        words = ["demo", "--once", "--seed", "7", "--json", "--dir", folder]
        command = [METERKAST, *words, "--influx", database.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(done.stderr[-4000:])
        registry, _ = Reader(folder / "hub" / "books.db", COMMUNITY).papers()
        (last,) = database.rows('SELECT last("dirty") FROM "bridge"', MONTHS)
        yield Street(
            folder,
            done.returncode,
            json.loads(done.stdout),
            msgspec.json.decode((folder / "truth.json").read_bytes(), type=truth.Day),
            registry.accounts,
            database,
            last["time"],
        )


def test_one_day_ends_with_books_that_equal_the_truth(street):
    outcome = street.outcome
    assert outcome["difference"] is None
    assert outcome["agrees"] is True
    assert street.code == 0
    assert len(outcome["bags"]) == 8
    assert outcome["turned_away"] == ["same_bag"]
    assert outcome["verify"]["verified"] is True
    measured = {one["member"]: one["measured"] for one in outcome["members"]}
    assert measured["noor"]["exported_mWh"] == 14_138_000
    assert measured["yusuf"]["exported_mWh"] == 3_842_000
    given, taken = (sum(one[f"{way}_mWh"] for one in measured.values()) for way in GIVEN_AND_TAKEN)
    assert given == taken > 5_000_000
    meters = {f"{one['gateway']}/{one['device']}": one for one in outcome["meters"]}
    kinds = {one["kind"] for one in meters.values()}
    assert kinds == {"dlms", "mbus", "p1", "s0", "sdm630", "sml"}
    assert meters["home-bram/water"]["used"]["8-0:1.0.0"] == 198_000
    assert meters["home-yusuf/balcony"]["used"] == {"1-0:2.8.0": 1921}
    # A meter that talks is in the books at every quarter-hour; one that is asked now and then.
    assert meters["home-yusuf/hall"]["readings"] == 3 * 97
    assert meters["home-noor/heat"]["readings"] > 10
    assert outcome["readings_checked"] == sum(one["readings"] for one in meters.values())
    assert _alive(street.folder) == []


def test_the_series_have_of_each_household_what_its_meters_counted(street):
    """In mWh, mL and mJ."""
    rows = street.of_day('SELECT "gained" FROM "day" WHERE $day GROUP BY "account", "flow"')
    assert {
        ("noor", "given"): 14_138_000,
        ("noor", "taken"): 4_944_000,
        ("noor", "heat"): 40_000_000_000,
        ("bram", "given"): 6_775_000,
        ("bram", "taken"): 5_884_000,
        ("bram", "gas"): 2_059_000,
        ("bram", "water"): 198_000,
        ("sanne", "given"): 15_923_000,
        ("sanne", "taken"): 3_986_000,
        ("yusuf", "given"): 3_842_000,
        ("yusuf", "taken"): 6_398_600,
    } == {(street.member(one["account"]), one["flow"]): one["gained"] for one in rows}


def test_quarter_hours_add_up_to_days(street):
    days = street.of_day('SELECT "gained" FROM "day" WHERE $day GROUP BY "account", "flow"')
    quarters = street.of_day(
        'SELECT sum("gained") + sum("spanned") AS "both" FROM "quarter" WHERE $day'
        ' GROUP BY "account", "flow"'
    )
    assert 11 == len(days)
    assert {(one["account"], one["flow"]): one["gained"] for one in days} == {
        (one["account"], one["flow"]): one["both"] for one in quarters
    }


def test_each_quarter_hour_is_shared_as_a_second_opinion_shares_it(street):
    """Out of what the series themselves have of each household."""
    quarters: dict[int, dict[str, Flow]] = {}
    for one in street.of_day('SELECT * FROM "quarter" WHERE $day'):
        if one["flow"] in GIVEN_AND_TAKEN:
            flow = quarters.setdefault(one["time"], {}).get(one["account"], Flow())
            more = {one["flow"]: getattr(flow, one["flow"]) + one["gained"]}
            quarters[one["time"]][one["account"]] = flow._replace(**more)
    found: dict[int, dict[str, Flow]] = {}
    for one in street.of_day('SELECT * FROM "shared" WHERE $day AND "rule" = \'shared\''):
        assert 1 == one["final"]
        found.setdefault(one["time"], {})[one["account"]] = Flow(one["gave"], one["got"])
    order = sorted(street.accounts.values())
    assert 96 == len(quarters)
    for at_ms, flows in quarters.items():
        told = dict.fromkeys(order, Flow()) | found.get(at_ms, {})
        assert share({at_ms: flows}, order).members == told


@pytest.mark.parametrize(("field", "what"), [("gave", "given_mWh"), ("got", "taken_mWh")])
def test_shared_energy_is_in_the_series_as_members_read_it(street, field, what):
    rows = street.of_day(
        f'SELECT sum("{field}") FROM "shared" WHERE $day AND "rule" = \'shared\' GROUP BY "account"'
    )
    assert street.measured(what) == {one["account"]: one["sum"] for one in rows}


def test_credits_and_balances_are_those_that_the_truth_gives(street):
    credited = street.influx.rows(
        'SELECT sum("plus") - sum("minus") AS "has" FROM "credit"'
        ' WHERE "role" = \'member\' GROUP BY "account", "asset"'
    )
    balances = street.influx.rows(
        'SELECT last("has") AS "has" FROM "balance" WHERE "role" = \'member\''
        ' GROUP BY "account", "asset"'
    )
    true = {
        (one["member"], asset): Decimal(amount)
        for one in street.outcome["members"]
        for asset, amount in one["truth"].items()
        if Decimal(amount)
    }
    for rows in (credited, balances):
        assert true == {
            (street.member(one["account"]), one["asset"]): Decimal(one["has"]).scaleb(-6)
            for one in rows
            if one["has"]
        }


def test_every_bag_is_in_the_series_once_with_who_brought_it(street):
    rows = street.influx.rows(
        'SELECT sum("brought") AS "brought", sum("bags") AS "bags" FROM "deposit"'
        ' GROUP BY "account", "fraction"'
    )
    brought: Counter[tuple[str, str]] = Counter()
    for bag in street.truth.bags:
        account = street.accounts.get(bag.member, "-")
        brought[account, bag.fraction] += 1_000 * bag.pieces or bag.shown_mg
    assert brought == {(one["account"], one["fraction"]): one["brought"] for one in rows}
    assert 8 == sum(one["bags"] for one in rows)


def test_a_container_holds_what_was_brought(street):
    rows = street.influx.rows(
        'SELECT last("inside") AS "inside" FROM "container" GROUP BY "fraction"'
    )
    inside: Counter[str] = Counter()
    for bag in street.truth.bags:
        inside[bag.fraction] += bag.shown_mg
    assert +inside == {one["fraction"]: one["inside"] for one in rows if one["inside"]}


def test_figures_of_dashboards_are_those_of_the_village(street):
    """In kWh, credits, kg and bags."""
    shared = sum(street.measured("taken_mWh").values()) / 1e6
    # Of a pulse that was counted over several quarter-hours nobody knows in which it was shared.
    (over,) = street.of_day(
        'SELECT sum("spanned") FROM "quarter" WHERE $day AND "flow" = \'given\''
    )
    given = 40.678 - over["sum"] / 1e6
    whole = [given, 21.2126, shared, given - shared]
    assert pytest.approx(whole) == street.figures("coop", 102, street.day)
    noor = street.accounts["noor"]
    with_neighbours = [street.measured(f"{way}_mWh")[noor] / 1e6 for way in ("taken", "given")]
    household = [4.944, 14.138, *with_neighbours]
    assert pytest.approx(household) == street.figures("household", 104, street.day)
    credited: Counter[str] = Counter()
    for one in street.outcome["members"]:
        credited.update({asset: Decimal(amount) for asset, amount in one["truth"].items()})
    # Energy that nobody of the street could use is the supplier's.
    minted = [float(credited["ENERGY"]), given, float(credited["WASTE"])]
    assert pytest.approx(minted) == street.figures("coop", 201, street.seen)
    kilograms = sum(bag.shown_mg for bag in street.truth.bags) / 1e6
    assert pytest.approx([kilograms]) == street.figures("recycling", 1, street.day)
    assert [8] == street.figures("recycling", 3, street.day)


# What rightly finds nothing on this day, by dashboard and panel, and why.
NOTHING = {
    "coop": {
        202: "nobody exchanged anything",
        203: "nobody gave anything back",
        212: "nobody exchanged anything",
        213: "nobody gave anything back",
        302: "every count counted",
    },
    "household": {
        251: "this home has no gas, and no water meter that tells",
        252: "this home has no gas, and no water meter that tells",
        405: "databases make these by the clock on the wall, hours later",
    },
    "operations": {
        14: "the books are verified after the day, when time stands still",
        15: "the books are verified after the day, when time stands still",
    },
    "recycling": {
        11: "nobody emptied a container",
        12: "nobody put a known weight on the scale",
    },
}
# What may find something: what only some machines tell of themselves (wear, temperature, voltage),
# and faults of lines, which come as they come.
PERHAPS = {"operations": {6, 8, 9, 11}}
# Alerts of which nothing is known on this day.
UNKNOWN = {"verify-failed", "not-verified"}


def test_there_are_four_dashboards_in_two_languages():
    assert [(path.parent.name, path.stem) for path in DASHBOARDS] == [
        (language, name)
        for language in ("en", "nl")
        for name in ("coop", "household", "operations", "recycling")
    ]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_panel_finds_something(street, path):
    dashboard = _read(path)
    variables = street.variables(dashboard)
    assert [] == [name for name, one in variables.items() if not one.chosen]
    found: dict[int, bool] = {}
    for asked in of_panels(dashboard):
        number = asked.panel["id"]
        has_any = any(one is not None for row in street.rows(asked, variables) for one in row[1:])
        found[number] = found.get(number, False) or has_any
    empty = {number for number, has_any in found.items() if not has_any}
    assert set(NOTHING[path.stem]) == empty - PERHAPS.get(path.stem, set())
    assert len(found) >= 10


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_alert_finds_something_and_keeps_quiet(street, rule):
    span = Span(street.now_ms - rule.range_s * 1000, street.now_ms)
    some = street.influx.query(expand(rule.influxql, span=span, step_ms=60_000), MONTHS)
    assert (rule.name not in UNKNOWN) == bool(some)
    for series in some:
        values = [value for _, value in series.values]
        condition = rule.when.format(last=values[-1], least=min(values)).replace("&&", "and")
        assert not eval(condition), condition


def test_dashboards_are_pictured_from_what_their_queries_find(street, part):
    """For the documents, where there is no picture yet."""
    for path in DASHBOARDS[:4]:
        picture = ROOT / "docs" / "pictures" / f"series-{path.stem}.png"
        dashboard = _read(path)
        drawn = series_pictures.page(
            dashboard, street.influx.query, street.variables(dashboard), street.seen
        )
        assert series_pictures.SAID in drawn
        if not picture.exists():
            series_pictures.keep(drawn, picture, part("chromium"))


@pytest.mark.timeout(60)
def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "letter").write_text("dear")
    words = ["demo", "--once", "--dir", str(tmp_path)]
    done = subprocess.run([METERKAST, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the folder is not empty\n")
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
