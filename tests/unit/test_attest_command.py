"""`meterkast ledger attest`, as a steward types it."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import build
from gateway.contract.errors import UsageError
from ledger_bridge.hub import Hub
from tests.street import ID, NOON_MS
from tests.unit.test_attested import TIME_BANK


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """A hub with a time bank."""
    config = tmp_path_factory.mktemp("founded") / "hub" / "bridge.toml"
    run("hub", "init", str(config.parent), "--community", ID, "--page", "127.0.0.1:0")
    run("member", "add", "noor", "--config", str(config))
    policy = config.parent / "bank.toml"
    policy.write_text(TIME_BANK, "utf-8")
    run("policy", "activate", str(policy), "--config", str(config))
    return config.parent


@pytest.fixture
def hub(founded, tmp_path, capsys):
    """The same hub, for one test to change."""
    capsys.readouterr()
    return Path(shutil.copytree(founded, tmp_path / "hub")) / "bridge.toml"


def run(*words):
    return build()(words)


def said(capsys, *words):
    run("ledger", *words)
    return capsys.readouterr().out


def attest(hub, capsys, *words):
    day = ("--activity", "care", "--day", "2026-06-21", "--by", "Mirjam")
    return said(capsys, "attest", "noor", *day, *words, "--config", str(hub))


def balance(hub, capsys):
    """What noor holds once the bridge has settled."""
    community = Hub.load(hub).open_to_write()
    community.settle(NOON_MS)
    community.db.close()
    (noor,) = [
        one
        for one in json.loads(said(capsys, "balance", "--config", str(hub), "--json"))
        if one["holder"] == "noor"
    ]
    return noor["balances"]


def test_hours_are_attested_told_and_credited(hub, capsys):
    told = attest(hub, capsys, "--hours", "2:30")
    assert "attestation 1/1: noor gave 2:30 of care, 2026-06-21\n" == told
    assert {"HOURS": "2.50", "TIMES": "1"} == balance(hub, capsys)


def test_taking_part_needs_no_hours(hub, capsys):
    told = attest(hub, capsys)
    assert "attestation 1/1: noor took part in care, 2026-06-21\n" == told
    assert {"TIMES": "1"} == balance(hub, capsys)


def test_the_same_key_twice_is_the_same_evidence(hub, capsys):
    words = ("--hours", "1:00", "--key", "list of june")
    assert attest(hub, capsys, *words) == attest(hub, capsys, *words)
    assert "1.00" == balance(hub, capsys)["HOURS"]


def test_an_attestation_is_taken_back_by_its_number(hub, capsys):
    attest(hub, capsys, "--hours", "1:00")
    assert {"HOURS": "1.00", "TIMES": "1"} == balance(hub, capsys)
    words = ("attest", "--void", "1/1", "--reason", "it was Bram", "--config", str(hub))
    assert "attestation 1/1 is taken back by paper 2\n" == said(capsys, *words)
    assert {"HOURS": "0.00", "TIMES": "0"} == balance(hub, capsys)


def test_what_waits_is_told_with_what_to_type(hub, capsys):
    attest(hub, capsys, "--hours", "23:00")
    told = attest(hub, capsys, "--hours", "2:00")
    assert "it is more than a day is long; a steward must look at it." in told
    listed = said(capsys, "held", "--config", str(hub))
    assert 'meterkast ledger attest --void 2/1 --reason "…"' in listed
    (one,) = json.loads(said(capsys, "held", "--json", "--config", str(hub)))
    assert ("2/1", "noor", "held") == (one["attestation"], one["member"], one["state"])


def test_the_outcome_can_be_read_by_a_program(hub, capsys):
    found = json.loads(attest(hub, capsys, "--hours", "0:45", "--json"))
    assert (1, "1/1", 45, "counted") == (
        found["paper"],
        found["attestation"],
        found["minutes"],
        found["state"],
    )


def test_a_statement_and_a_reason_show_who_vouches_for_it(hub, capsys):
    attest(hub, capsys, "--hours", "2:30")
    balance(hub, capsys)
    words = ("--member", "noor", "--period", "2026-06-21", "--config", str(hub))
    assert "2026-06-21  care 2:30 (Mirjam)  1/1\n" in said(capsys, "statement", *words)
    reason = said(capsys, "why", "2", "--config", str(hub))
    for line in (
        "reckoned\n  care: 2.5 hours earns 2.5 HOURS\n",
        "2026-06-21  care  +2:30 h (Mirjam)  paper 1\n",
        "record paper 1, sha-256 ",
    ):
        assert line in reason


GOOD = ("noor", "--activity", "care", "--day", "2026-06-21", "--by", "Mirjam")


@pytest.mark.parametrize(
    ("words", "what", "try_"),
    [
        (("bram", *GOOD[1:]), "no member 'bram'", "members: noor"),
        (
            ("noor", "--activity", "caer", *GOOD[3:]),
            "about 'caer'",
            "known: assembly, care, garden",
        ),
        ((*GOOD[:3], "--day", "2026-01-01", *GOOD[5:]), "no rule of 2026-01-01", "known: none"),
        ((*GOOD[:3], "--day", "2099-01-01", *GOOD[5:]), "still to come", "up to today, "),
        (GOOD[:5], "nobody vouches", '--by "who saw it"'),
        ((*GOOD, "--hours", "2.5"), "'2.5' is no time", "such as 2:30"),
        ((*GOOD, "--hours", "25:01"), "'25:01' is no time", "such as 2:30"),
        ((*GOOD, "--hours", "0:00"), "'0:00' is no time", "such as 2:30"),
        (("--void", "7/1", "--reason", "x"), "no attestation '7/1'", "shows their numbers"),
        (("--void", "seven", "--reason", "x"), "no attestation 'seven'", "shows their numbers"),
    ],
)
def test_wrong_use_is_told_in_three_lines_and_changes_nothing(hub, words, what, try_):
    books = hub.parent / "books.db"
    before = books.read_bytes()
    with pytest.raises(UsageError) as error:
        run("ledger", "attest", *words, "--config", str(hub))
    (problem,) = error.value.problems
    assert what in problem.what
    assert try_ in problem.try_
    assert before == books.read_bytes()
