"""The demonstration's village loses its hub at the end of a day, and has a backup of that noon."""

import json
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from firmware_sim import agreement, street, truth
from firmware_sim.agreement import Books
from firmware_sim.premises import gateways
from tests.system.programs import Program, done, running, until

pytestmark = [pytest.mark.system, pytest.mark.soak]

# How the village says what happens in the hour from noon on.
NOON = "12:"


def day_with_a_backup(folder: Path, backup: Path) -> None:
    """One day of the village; its hub is backed up while it runs, when people come at noon."""
    words = ["demo", "--once", "--seed", "7", "--dir", str(folder)]
    day = subprocess.Popen([sys.executable, "-m", "gateway", *words], stdout=subprocess.PIPE)
    try:
        assert day.stdout
        for line in day.stdout:
            if line.startswith(NOON.encode()) and not backup.exists():
                done("backup", backup, "--config", folder / "hub" / "bridge.toml")
        assert 0 == day.wait(timeout=300)
    finally:
        day.send_signal(signal.SIGTERM)
        day.wait(timeout=30)


def asked(config: Path, *words: object) -> object:
    return json.loads(done(*words, "--json", "--config", config))


def books_of(config: Path, day: str) -> Books:
    """What the books say of a day, with the commands anybody has."""
    members = [member.id for member in street.MEMBERS]
    words = ("ledger", "statement", "--period", day, "--member")
    held = asked(config, "ledger", "held")
    return Books(
        {member: asked(config, *words, member) for member in members},
        [one for one in held if one["kind"] == "deposit"],
        asked(config, "ledger", "balance"),
        asked(config, "verify"),
    )


def credits_of(books: Books) -> dict[str, object]:
    """What each member was measured and credited; the bookings have other numbers."""
    return {
        member: [(line["rule"], line["quantity"], line["credit"]) for line in one["lines"]]
        for member, one in books.statements.items()
    }


def records(config: Path) -> int:
    """How many records the hub has, as its page says."""
    page = tomllib.loads(config.read_text())["page"]
    told = subprocess.run(
        ["curl", "--silent", f"http://{page}/api/status"], capture_output=True, check=True
    )
    status = json.loads(told.stdout)
    return int(status["records"]) if status["dirty"] == 0 else -1


def test_a_village_whose_hub_was_lost_has_the_whole_day_again_from_a_backup_of_noon(tmp_path):
    folder, backup = tmp_path / "street", tmp_path / "noon.meterkast"
    config = folder / "hub" / "bridge.toml"
    day_with_a_backup(folder, backup)
    before = msgspec.json.decode((folder / "truth.json").read_bytes(), type=truth.Day)
    whole = books_of(config, before.day)
    shutil.rmtree(folder / "hub")
    done("restore", backup, folder / "hub")
    at_noon = asked(config, "verify")
    assert at_noon["records"] < whole.verify["records"] - 100
    done("hub", "restored", "--config", config)
    env = {"METERKAST_CLOCK": str(folder / "clock")}
    port = tomllib.loads(config.read_text())["broker"].rsplit(":", 1)[1]
    broker = Program("broker", tmp_path, "broker", "--dir", folder / "broker", "--port", port)
    bridge = Program("bridge", tmp_path, "bridge", "--config", config, env=env)
    with running(broker, bridge):
        homes = [
            Program(name, tmp_path, "gateway", "--config", folder / name / "gateway.toml", env=env)
            for name in gateways()
        ]
        with running(*homes):
            least = whole.verify["records"]
            until("the gateways fill the gap", lambda: records(config) >= least, seconds=120)
            bags = [bag for bag in before.bags if bag.claims]
            for bag in bags:  # what a steward did since the backup has to be done again
                done("member", "claim", bag.member, bag.code, "--config", config)
            done("ledger", "close", before.day, "--anyway", "--config", config)
            again = books_of(config, before.day)
    steps = truth.read_steps(folder / "truth.jsonl")
    assert [] == list(agreement.differences(before, again, steps))
    assert again.verify["verified"] is True
    assert credits_of(whole) == credits_of(again)
