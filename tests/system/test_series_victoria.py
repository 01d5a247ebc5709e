"""What VictoriaMetrics makes of our lines, written and taken away as the sink does it."""

import pytest

from ledger_bridge.timeseries.engines import Database
from ledger_bridge.timeseries.schema import DAY, MEASUREMENTS, Forget, line
from ledger_bridge.timeseries.target import Target

pytestmark = pytest.mark.system

# 2026-06-22T00:00 in Amsterdam.
AT_MS = 1_782_079_200_000
# Odd, so that a float of 53 bits has just room for it.
LARGEST = 9_007_199_254_740_991
EVERYTHING = '{__name__!=""}'


@pytest.fixture
def database(victoria):
    victoria.get("/api/v1/admin/tsdb/delete_series", **{"match[]": EVERYTHING})
    return Database(Target("victoriametrics", victoria.url, "", "years", "months", ""))


def _day(account, gained):
    return line(DAY.key("zonstraat", account, "taken"), [("gained", gained)], AT_MS)


def test_every_field_of_every_measurement_is_a_series_of_its_own_name(victoria, database):
    for one in MEASUREMENTS:
        fields = [(field, LARGEST) for field in one.fields]
        database.write(one.bucket, [line(one.key(*one.tags), fields, AT_MS)])
    exported = victoria.export(EVERYTHING)
    names = {f"{one.name}_{field}" for one in MEASUREMENTS for field in one.fields}
    assert names == {one["metric"].pop("__name__") for one in exported}
    assert {(9_007_199_254_740_991, 1_782_079_200_000)} == {
        (*one["values"], *one["timestamps"]) for one in exported
    }
    # The labels are the tags, each of which stands for itself here; no label says which bucket.
    assert {tag: {tag} for one in MEASUREMENTS for tag in one.tags} == {
        name: {one["metric"][name] for one in exported if name in one["metric"]}
        for name in {name for one in exported for name in one["metric"]}
    }


def test_tags_keep_their_blanks_and_commas_and_figures_their_sign(victoria, database):
    key = DAY.key("zon straat", "a,1", "taken")
    database.write("years", [line(key, [("gained", -LARGEST)], AT_MS)])
    assert [
        {
            "metric": {
                "__name__": "day_gained",
                "community": "zon straat",
                "account": "a,1",
                "flow": "taken",
            },
            "values": [-9_007_199_254_740_991],
            "timestamps": [1_782_079_200_000],
        }
    ] == victoria.export("day_gained")


def test_what_is_written_again_is_there_twice(victoria, database):
    """So a correction may not show: docs/grafana.md says that."""
    for gained in (5, 3):
        database.write("years", [_day("a1", gained)])
    (only,) = victoria.export("day_gained")
    assert [3, 5] == sorted(only["values"])


def test_an_account_is_taken_away_and_a_part_of_the_time_is_left_owed(victoria, database):
    database.write("years", [_day("a1", 5), _day("a2", 7)])
    span = Forget(DAY, {"account": "a2"}, (AT_MS, AT_MS + 1))
    assert [span] == database.forget([Forget(DAY, {"account": "a1"}), span])
    assert [("a2", [7])] == [
        (one["metric"]["account"], one["values"]) for one in victoria.export("day_gained")
    ]


def test_it_does_not_speak_the_language_of_the_dashboards(victoria, database):
    database.write("years", [_day("a1", 5)])
    said = victoria.get("/query", db="meterkast", q='SELECT "gained" FROM "day"')
    assert b"gained" not in said
