"""All dashboards: what they ask is portable, both languages are one, and Grafana takes them."""

import doctest
import itertools
import json

import jsonschema
import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from gateway.kiosk.sentences import SENTENCES
from ledger_bridge.books.telling.sentences import COUNTER, DEPOSIT
from ledger_bridge.grafana import panels, query, refusals, words
from ledger_bridge.grafana.alerts import RULES
from ledger_bridge.grafana.drawing import built, encode
from ledger_bridge.grafana.every import USUAL, boards
from ledger_bridge.grafana.panels import Community, Panel
from ledger_bridge.grafana.query import HERE, is_, select, values_of
from ledger_bridge.timeseries.schema import DAY, QUARTER
from tests.grafana_portable import Mistake, read
from tests.grafana_queries import influxql_of, of_panels
from tests.grafana_schema import dashboard_schema

BOARDS = boards(USUAL)
LANGUAGES = ("nl", "en")
TOLD = {
    f"{board.name} {language}": json.loads(encode(built(board, language, USUAL.zone)))
    for board in BOARDS
    for language in LANGUAGES
}
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
each_dashboard = pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)


def queries(told):
    asked = {(one.where, one.panel["datasource"]["uid"], one.influxql) for one in of_panels(told)}
    listed = {
        (one["name"], one["datasource"]["uid"], influxql_of(one))
        for one in told["templating"]["list"]
        if one["type"] == "query"
    }
    return asked | listed


@pytest.mark.parametrize("module", [query, panels, words], ids=lambda module: module.__name__)
def test_the_examples_of_the_module_hold(module):
    assert 0 == doctest.testmod(module).failed


def test_every_query_is_one_that_all_engines_answer():
    asked = [one for board in BOARDS for one in queries(TOLD[f"{board.name} nl"])]
    asked += [(rule.name, "meterkast-months", rule.influxql) for rule in RULES]
    for where, source, influxql in asked:
        assert (where, source) == (where, read(influxql).source)
    print(f"queries of dashboards and alerts: {len(asked)}")
    assert 171 == len(asked)


@each_dashboard
def test_every_panel_asks_of_one_community(told):
    for one in of_panels(told):
        assert (one.where, True) == (one.where, "community" in read(one.influxql).where)


@each_dashboard
def test_grafana_takes_it(told):
    assert [] == list(jsonschema.Draft202012Validator(dashboard_schema()).iter_errors(told))


@each_dashboard
def test_the_sdk_reads_what_it_wrote(told):
    register_default_plugins()
    assert told == json.loads(encode(Dashboard.from_json(told)))


@each_board
def test_both_languages_ask_the_same(board):
    dutch, english = (of_panels(TOLD[f"{board.name} {language}"]) for language in LANGUAGES)
    assert [one.influxql for one in dutch] == [one.influxql for one in english]


@each_board
def test_every_panel_says_in_both_languages_what_it_shows(board):
    for part in board.parts:
        assert all(part.title), part.id
        if isinstance(part, Panel):
            assert all(part.about), part.id
            assert part.about.nl != part.about.en, part.id


@each_board
def test_every_figure_has_a_unit_and_every_line_a_name(board):
    for part in board.parts:
        if isinstance(part, Panel) and part.kind != "table":
            assert part.unit, part.id
            is_lone = part.kind == "figures" and len(part.lines) == 1
            assert is_lone or all(line.words for line in part.lines), part.id


def test_a_dashboard_speaks_the_language_of_its_folder():
    assert ("Huishouden", "Household") == (
        TOLD["household nl"]["title"],
        TOLD["household en"]["title"],
    )
    assert ("Gemeenschap", "Community") == (
        TOLD["coop nl"]["templating"]["list"][0]["label"],
        TOLD["coop en"]["templating"]["list"][0]["label"],
    )


@each_dashboard
def test_what_is_missing_for_longer_than_five_minutes_is_a_gap(told):
    drawn = [
        one["fieldConfig"]["defaults"]["custom"]
        for one in told["panels"]
        if one["type"] == "timeseries"
    ]
    # What stays as it was until the next point, as a balance, has no gaps.
    measured = [one for one in drawn if one.get("lineInterpolation") != "stepAfter"]
    assert {300_000} == {one["spanNulls"] for one in measured}
    assert {True} >= {one["spanNulls"] for one in drawn if one not in measured}


@each_dashboard
def test_members_are_told_nothing_of_how_it_works_inside(told):
    text = json.dumps(told).lower()
    assert [] == [word for word in ("merkle", "hash", "mint ", "minted") if word in text]


@each_dashboard
def test_no_panel_lies_on_another_and_all_fill_the_width(told):
    cells = [
        (x, y)
        for one in told["panels"]
        for place in (one["gridPos"],)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    rows = {y: [x for x, _ in some] for y, some in itertools.groupby(sorted(cells, key=_row), _row)}
    assert [24] * len(rows) == [len(xs) for xs in rows.values()]


def _row(cell):
    return cell[1]


@each_dashboard
def test_a_panel_has_an_id_of_its_own(told):
    ids = [one["id"] for one in told["panels"]]
    assert len(ids) == len(set(ids))


def test_links_find_the_dashboards():
    assert {
        *("meterkast-coop-nl", "meterkast-household-nl"),
        *("meterkast-recycling-nl", "meterkast-operations-nl"),
        *("meterkast-coop-en", "meterkast-household-en"),
        *("meterkast-recycling-en", "meterkast-operations-en"),
    } == {told["uid"] for told in TOLD.values()}
    for told in TOLD.values():
        (link,) = told["links"]
        assert (told["tags"], True, True) == (link["tags"], link["includeVars"], link["keepTime"])


def test_a_community_without_assets_has_no_credits():
    bare = Community("Europe/Amsterdam", {})
    for board in boards(bare):
        told = json.loads(encode(built(board, "nl", bare.zone)))
        assert [] == [one.where for one in of_panels(told) if '"credit"' in one.influxql]


def test_amounts_have_the_places_of_their_asset():
    told = json.loads(
        encode(built(boards(Community("Europe/Brussels", {"UREN": 2}))[0], "nl", "Europe/Brussels"))
    )
    (held,) = [one for one in of_panels(told) if one.panel["id"] == 204]
    assert (
        'SELECT (sum("plus") - sum("minus")) / 100 FROM "credit" WHERE "community" = '
        "'${community:raw}' AND \"asset\" = 'UREN' AND \"role\" = 'member' AND time <= ${__to}ms"
    ) == held.influxql
    assert "Europe/Brussels" == told["timezone"]


def test_every_reason_has_a_sentence():
    assert set(COUNTER) == set(refusals.METER)
    assert set(DEPOSIT) == set(refusals.DEPOSIT)
    # The other words of the kiosk's screen turn nobody away.
    assert {
        *("put", "settling", "what", "how_many", "whose", "confirm", "keeping", "kept"),
        *("take_off", "last", "can_undo", "undone", "undo_late", "not_undone", "off_first"),
        *("clear", "crate_counted", "has_card"),
    } == set(SENTENCES) - set(refusals.KIOSK)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: select('sum("gain")', QUARTER, HERE, every="15m"),
        lambda: select('sum("gained")', QUARTER, is_("fraction", "glass"), every="15m"),
        lambda: select('sum("gained")', DAY, HERE, by=("gateway",)),
        lambda: values_of("gateway", of=DAY),
    ],
    ids=["field", "tag in where", "tag in group", "tag of values"],
)
def test_what_the_schema_lacks_cannot_be_asked(ask):
    with pytest.raises(AssertionError, match="has no"):
        ask()


_WHERE = "WHERE \"community\" = '${community:raw}' AND $timeFilter"
BROKEN = {
    "a subquery": f'SELECT sum("gained") FROM (SELECT "gained" FROM "day") {_WHERE}',
    "a regular expression for a measurement": f'SELECT sum("gained") FROM /day/ {_WHERE}',
    "INTO": f'SELECT sum("gained") INTO "x" FROM "day" {_WHERE}',
    "a bare name": f"SELECT sum(gained) FROM day {_WHERE}",
    "another measurement": f'SELECT sum("gained") FROM "days" {_WHERE}',
    "another field": f'SELECT sum("gain") FROM "day" {_WHERE}',
    "another tag": f'SELECT sum("gained") FROM "day" {_WHERE} GROUP BY "device"',
    "a field as a tag": 'SELECT sum("gained") FROM "day" WHERE "gained" = \'1\' AND $timeFilter',
    "another function": f'SELECT derivative("gained") FROM "day" {_WHERE}',
    "no time": 'SELECT sum("gained") FROM "day" WHERE "community" = \'a\'',
    "a sum by how far one looks": (
        f'SELECT sum("gained") FROM "quarter" {_WHERE} GROUP BY time($__interval) fill(null)'
    ),
    "a span of its own": (
        f'SELECT max("gained") FROM "quarter" {_WHERE} GROUP BY time(7m) fill(null)'
    ),
    "a day of nowhere": f'SELECT sum("gained") FROM "day" {_WHERE} GROUP BY time(1d) fill(null)',
    "gaps filled up": (
        f'SELECT sum("gained") FROM "quarter" {_WHERE} GROUP BY time(15m) fill(previous)'
    ),
    "no fill": f'SELECT sum("gained") FROM "quarter" {_WHERE} GROUP BY time(15m)',
    "all points": f'SELECT "gained" FROM "day" {_WHERE}',
    "two queries": f'SELECT sum("gained") FROM "day" {_WHERE}; DROP DATABASE "meterkast"',
    "a value that ends its quotes": (
        'SELECT sum("gained") FROM "day" WHERE "flow" = \'a\' OR \'b\' AND $timeFilter'
    ),
    "a value that Grafana may take for a pattern": (
        'SELECT sum("gained") / 2 FROM "day" WHERE "flow" = \'$flow\' AND $timeFilter'
    ),
    "an unanchored pattern": (
        'SELECT sum("gained") FROM "day" WHERE "flow" =~ /$flow/ AND $timeFilter'
    ),
}


@pytest.mark.parametrize("influxql", BROKEN.values(), ids=BROKEN)
def test_what_not_every_engine_answers_is_caught(influxql):
    with pytest.raises(Mistake):
        read(influxql)
