"""What VictoriaMetrics makes of our lines: its v2 write path, through the client that we use."""

import pytest
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from ledger_bridge.timeseries.schema import DAY, MEASUREMENTS, line

pytestmark = pytest.mark.system

# 2026-06-22T00:00 in Amsterdam.
AT_MS = 1_782_079_200_000
# Odd, so that a float of 53 bits has just room for it.
LARGEST = 2**53 - 1


@pytest.fixture
def write(victoria):
    victoria.get("/api/v1/admin/tsdb/delete_series", **{"match[]": '{__name__!=""}'})
    with InfluxDBClient(url=victoria.url, token="any", org="any") as client:
        api = client.write_api(write_options=SYNCHRONOUS)
        yield lambda *lines: api.write(
            bucket="meterkast", record="\n".join(lines), write_precision="ms"
        )


def test_every_field_of_every_measurement_is_a_series_of_its_own_name(victoria, write):
    write(
        *(
            line(one.key(*one.tags), [(field, LARGEST) for field in one.fields], AT_MS)
            for one in MEASUREMENTS
        )
    )
    exported = victoria.export('{__name__!=""}')
    names = {f"{one.name}_{field}" for one in MEASUREMENTS for field in one.fields}
    assert names == {one["metric"].pop("__name__") for one in exported}
    assert {(9_007_199_254_740_991, 1_782_079_200_000)} == {
        (*one["values"], *one["timestamps"]) for one in exported
    }
    assert {True} == {
        all(name == value for name, value in one["metric"].items()) for one in exported
    }


def test_tags_keep_their_blanks_and_commas_and_figures_their_sign(victoria, write):
    write(line(DAY.key("zon straat", "a,1", "taken"), [("gained", -LARGEST)], AT_MS))
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


def test_what_is_written_again_is_there_twice(victoria, write):
    """So a correction may not show: docs/grafana.md says that."""
    key = DAY.key("zonstraat", "a1", "taken")
    for gained in (5, 3):
        write(line(key, [("gained", gained)], AT_MS))
    (only,) = victoria.export("day_gained")
    assert [3, 5] == sorted(only["values"])


def test_it_does_not_speak_the_language_of_the_dashboards(victoria, write):
    write(line(DAY.key("zonstraat", "a1", "taken"), [("gained", 5)], AT_MS))
    said = victoria.get("/query", db="meterkast", q='SELECT "gained" FROM "day"')
    assert b"gained" not in said
