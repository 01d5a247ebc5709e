"""What sets a database up does so, and changes nothing when it is told again."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from ledger_bridge.grafana.rollups import ENGINES, Database, set_up
from tests.influx import MONTHS, YEARS

# A quarter-hour of samples in W of one register, and the first sample of the next.
BEGIN_MS = 1_782_079_200_000
SAMPLES = [
    f"sample,community=zonstraat,account=a1,gateway=home,device=hall,register=1-0:1.7.0,unit=W,"
    f"clock=synced value={value}i {BEGIN_MS + after_ms}"
    for value, after_ms in ((100_000, 0), (250_000, 300_000), (400_000, 899_999), (7, 900_000))
]

# An `influx` that keeps what was made in a folder, one file each, and says what its like says.
INFLUX = """\
#!/bin/sh
set -eu
cd "$KEPT"
echo "$*" >>asked
case "$1 $2" in
    "bucket list") [ -e "bucket-$4" ] && printf '0a1b%s\\t%s\\n' "$4" "$4" ;;
    "bucket create") echo "$6" >"bucket-$4" ;;
    "bucket update") echo "$6" >"bucket-${4#0a1b}" ;;
    "task list") for task in task-*; do printf '0c1d\\t%s\\tactive\\n' "${task#task-}"; done ;;
    "task create") cp "$FOLDER/$4" "task-${4%.flux}" ;;
    "auth create") printf '{\\n\\t"id": "0e1f",\\n\\t"token": "tok%s==",\\n\\t"x": "2"\\n}\\n' $#
esac
"""


INFLUXDB3 = """\
#!/bin/sh
cd "$KEPT"
case "$1 $2" in
    "show databases") printf 'iox::database\\n'; sed 's/.* //' made 2>/dev/null ;;
    "create database") shift 2; echo "$*" >>made ;;
esac
"""


def test_an_influxdb_1_makes_quarter_hours_of_samples_that_stay(influx):
    (text,) = set_up(Database(engine="influxdb1")).values()
    influx.query(text)
    influx.query(text)
    kept = influx.rows("SHOW RETENTION POLICIES", MONTHS)
    assert [("autogen", "2208h0m0s")] == [(one["name"], one["duration"]) for one in kept]
    told = [one for one in influx.rows("SHOW CONTINUOUS QUERIES") if one["name"] != "_internal"]
    assert ["sample_quarter_hour", "sample_quarter_day"] == [one["name"] for one in told]
    influx.query(f'ALTER RETENTION POLICY "autogen" ON "{MONTHS}" DURATION INF')  # for old samples
    influx.write(*SAMPLES, database=MONTHS)
    for one in told:
        asked = re.search(r"BEGIN (.*) END", one["query"])[1]
        until = f"WHERE time >= {BEGIN_MS}ms AND time < {BEGIN_MS + 1_800_000}ms GROUP BY"
        influx.query(asked.replace("GROUP BY", until), MONTHS)
    of = dict(pair.split("=") for pair in SAMPLES[0].split(" ")[0].split(",")[1:])
    assert [
        {"time": BEGIN_MS, "mean": 250_000, "min": 100_000, "max": 400_000} | of,
        {"time": BEGIN_MS + 900_000, "mean": 7, "min": 7, "max": 7} | of,
    ] == influx.points("sample_quarter", YEARS)


def test_what_is_late_by_a_fortnight_is_still_made_into_quarter_hours(influx):
    (text,) = set_up(Database(engine="influxdb1")).values()
    assert ["EVERY 1h FOR 6h", "EVERY 1d FOR 15d"] == re.findall(r"RESAMPLE (.*?) BEGIN", text)
    assert ["-6h", "-15d"] == [
        re.search(r"range\(start: date\.truncate\(t: (\S+),", text)[1]
        for name, text in set_up(Database()).items()
        if name.endswith(".flux")
    ]


def test_an_influxdb_2_is_told_once(tmp_path):
    """By a stand-in for its command: an InfluxDB 2 cannot be run here."""
    folder, kept, bin_ = (tmp_path / name for name in ("set-up", "kept", "bin"))
    for path in (folder, kept, bin_):
        path.mkdir()
    (bin_ / "influx").write_text(INFLUX)
    (bin_ / "influx").chmod(0o755)
    for name, text in set_up(Database()).items():
        (folder / name).write_text(text)
    for _ in range(2):
        run_influxdb2(folder, kept, bin_)
    assert "0\n" == (kept / "bucket-meterkast").read_text()
    assert "92d\n" == (kept / "bucket-meterkast_months").read_text()
    assert ["task-sample_quarter_day", "task-sample_quarter_hour"] == sorted(
        path.name for path in kept.glob("task-*")
    )
    assert "tok13==\n" == (folder / "series.token").read_text()
    assert "tok9==\n" == (folder / "reader.secret").read_text()
    assert 0o600 == stat.S_IMODE((folder / "reader.secret").stat().st_mode)
    asked = (kept / "asked").read_text()
    made = [line for line in asked.splitlines() if " create " in line]
    assert 6 == len(made), asked
    assert "--write-bucket" not in made[-1]


def run_influxdb2(folder: Path, kept: Path, bin_: Path) -> None:
    path = f"{bin_}:{os.environ['PATH']}"
    given = {"PATH": path, "INFLUX_TOKEN": "operator", "KEPT": str(kept), "FOLDER": str(folder)}
    done = subprocess.run(
        ["sh", str(folder / "influxdb2.sh")], env=given, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert "set up: meterkast for good, meterkast_months for 92d\n" == done.stdout


def test_an_influxdb_3_is_told_once(tmp_path):
    """By a stand-in for its command: an InfluxDB 3 cannot be run here."""
    (tmp_path / "influxdb3.sh").write_text(set_up(Database("influxdb3"))["influxdb3.sh"])
    (tmp_path / "influxdb3").write_text(INFLUXDB3)
    (tmp_path / "influxdb3").chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KEPT": str(tmp_path)}
    for _ in range(2):
        subprocess.run(["sh", str(tmp_path / "influxdb3.sh")], env=given, check=True)
    assert "meterkast\n--retention-period 92d meterkast_months\n" == (tmp_path / "made").read_text()


def test_without_a_token_an_influxdb_2_is_left_alone(tmp_path):
    (tmp_path / "influxdb2.sh").write_text(set_up(Database())["influxdb2.sh"])
    done = subprocess.run(
        ["sh", str(tmp_path / "influxdb2.sh")], env={}, capture_output=True, text=True, check=False
    )
    assert 2 == done.returncode
    assert "INFLUX_TOKEN: set it to a token that may make buckets" in done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_scripts_can_be_read_by_a_plain_shell(engine, tmp_path):
    for name, text in set_up(Database(engine=engine)).items():
        if name.endswith(".sh"):
            (tmp_path / name).write_text(text)
            subprocess.run(["sh", "-n", str(tmp_path / name)], check=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_names_that_the_hub_was_given_are_taken_everywhere(engine):
    database = Database(engine, url="http://db:1", org="coop", years="jaren", months="maanden")
    texts = "".join(set_up(database).values())
    named = [name for name in ("jaren", "maanden") if name in texts]
    assert (["jaren", "maanden"] if engine != "victoriametrics" else []) == named
    assert "meterkast_months" not in texts
