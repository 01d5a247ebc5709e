"""What the page about time series shows is what the programs do."""

from pathlib import Path

from ledger_bridge.timeseries.place import QUARANTINE_MAX, SPOOL_MAX
from ledger_bridge.timeseries.schema import MEASUREMENTS
from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import done, meterkast

PAGE = DOCS / "time-series.md"


def test_the_commands_of_the_page_tell_how_far_time_series_are(tmp_path: Path) -> None:
    """Nothing was ever measured, so that nothing waits; what is asked for does."""
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat")
    config = tmp_path / "hub" / "bridge.toml"
    series = 'series_url = "http://127.0.0.1:9"\nseries_engine = "influxdb1"\n'
    config.write_text(config.read_text() + series)
    look, *asks = (line for block in blocks(PAGE, "bash") for line in block.splitlines())
    told = [
        (result.returncode, result.stdout.splitlines()[1:])
        for line in (look, *asks)
        for result in [meterkast(*line.replace("hub/bridge.toml", str(config)).split()[1:])]
    ]
    asked = "  asked for: {}; the bridge does it within a second of running"
    assert [
        (0, ["  up to date"]),
        (1, ["  up to date", asked.format("retry")]),
        (1, ["  up to date", asked.format("again"), asked.format("retry")]),
    ] == told


def test_the_page_names_every_measurement_and_every_bound() -> None:
    page = PAGE.read_text("utf-8")
    for one in MEASUREMENTS:
        assert f"`{one.name}`" in page or one.name == "sample_quarter"
    for bound in (QUARANTINE_MAX, SPOOL_MAX):
        assert f"{bound:,}" in page
