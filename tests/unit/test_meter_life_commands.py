"""What a treasurer types when a meter is swapped or has a pulse contact, and older books."""

import json
import sqlite3

import pytest

from gateway.cli import build
from gateway.contract import signed
from gateway.contract.errors import PeopleError, UsageError
from gateway.contract.record import to_json
from ledger_bridge.books import store
from ledger_bridge.books.community import load_registry
from ledger_bridge.books.facts import counters
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import MeterFitted
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.commands.statement import _remarks
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key


@pytest.fixture
def hub(tmp_path, capsys):
    config = tmp_path / "hub" / "bridge.toml"
    run("hub", "init", str(config.parent), "--community", ID, "--page", "127.0.0.1:0")
    run("hub", "admit", f"home={key('home').public.x}", "--config", str(config))
    run("member", "add", "noor", "--config", str(config))
    capsys.readouterr()
    return config


def run(*words):
    return build()(words)


def fits(config, device):
    db = store.open_to_read(config.parent / "books.db")
    found = load_registry(db, ID).fits.get(("home", device), ())
    db.close()
    return found


@pytest.mark.parametrize(
    ("words", "per_pulse"),
    [
        (("--pulses-per-kwh", "800"), "1/800 kWh"),
        (("--per-pulse", "10 L"), "10 L"),
        (("--per-pulse", "1/100 m3"), "1/100 m3"),
        ((), ""),
    ],
)
def test_a_fit_takes_what_stands_on_the_meter(hub, words, per_pulse):
    run("device", "fit", "home/panels", "--member", "noor", *words, "--config", str(hub))
    (fit,) = fits(hub, "panels")
    assert (per_pulse, False) == (fit.per_pulse, fit.anew)


def test_a_fit_may_begin_a_count_afresh(hub):
    run("device", "fit", "home/hall", "--member", "noor", "--config", str(hub))
    again = ("--from", "2026-06-21", "--anew", "--config", str(hub))
    run("device", "fit", "home/hall", "--member", "noor", *again)
    assert [False, True] == [fit.anew for fit in fits(hub, "hall")]


def test_a_device_that_the_gateway_does_not_have_is_told_with_those_it_has(hub, capsys):
    db = sqlite3.connect(hub.parent / "books.db")
    birth = b'{"devices":{"meter":"p1","heat":"mbus"}}'
    db.execute("INSERT INTO heard VALUES (?, 'home', 'birth', ?, 0)", (ID, birth))
    db.commit()
    db.close()
    run("device", "fit", "home/hall", "--member", "noor", "--config", str(hub))
    assert "but home has no hall now; its devices: heat, meter\n" == capsys.readouterr().err
    run("device", "fit", "home/meter", "--member", "noor", "--config", str(hub))
    assert "" == capsys.readouterr().err


def test_the_same_fit_again_is_refused_with_whom_it_is_for(hub):
    run("device", "fit", "home/hall", "--member", "noor", "--config", str(hub))
    with pytest.raises(PeopleError, match="begins at or after that time, for noor"):
        run("device", "fit", "home/hall", "--member", "noor", "--config", str(hub))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--pulses-per-kwh", "0"), "'0' is no number of pulses"),
        (("--pulses-per-kwh", "-800"), "'-800' is no number of pulses"),
        (("--per-pulse", "10 litres"), "'10 litres' is not so much per pulse"),
        (("--per-pulse", "1 kWh", "--pulses-per-kwh", "1"), "two answers to what a pulse is worth"),
    ],
)
def test_a_worth_that_is_none_is_told_with_what_to_try(hub, words, what):
    with pytest.raises(UsageError) as error:
        run("device", "fit", "home/panels", "--member", "noor", *words, "--config", str(hub))
    (problem,) = error.value.problems
    assert problem.what.startswith(what)
    assert "device fit" == problem.where
    assert () == fits(hub, "panels")


def test_an_import_carries_what_pulses_are_worth(hub, tmp_path):
    (tmp_path / "members.csv").write_text(
        "member,name,gateway,device,pulses_per_kwh,per_pulse\n"
        "bram,Bram,home,panels,1000,\n"
        "bram,Bram,home,water,,10 L\n"
        "bram,Bram,home,hall,,\n"
    )
    run("member", "import", str(tmp_path / "members.csv"), "--config", str(hub))
    worth = [fits(hub, device)[0].per_pulse for device in ("panels", "water", "hall")]
    assert ["1/1000 kWh", "10 L", ""] == worth


def test_an_import_names_the_line_of_a_wrong_worth_and_changes_nothing(hub, tmp_path):
    (tmp_path / "members.csv").write_text(
        "member,gateway,device,per_pulse\nbram,home,panels,much\n"
    )
    with pytest.raises(UsageError, match="'much' is not so much per pulse") as error:
        run("member", "import", str(tmp_path / "members.csv"), "--config", str(hub))
    assert error.value.problems[0].where.endswith("members.csv line 2")
    assert () == fits(hub, "panels")


def test_what_waits_is_told_with_the_meters_number(hub, capsys):
    policy = hub.parent / "policy.toml"
    run("policy", "activate", str(policy), "--config", str(hub))
    hub_ = store.open_to_write(hub.parent / "books.db")
    hub_.execute(
        "INSERT INTO counter VALUES (?, 'home', 'hall', '1-0:2.8.1', 'E2', ?, 'c', 1, 0, 'Wh', ?,"
        " '', '2026-06-21', NULL, NULL, 0, 'nobody', '', 'self-reported', 0)",
        (ID, MIDNIGHT_MS, MIDNIGHT_MS),
    )
    hub_.close()
    capsys.readouterr()
    run("ledger", "held", "--config", str(hub))
    told = capsys.readouterr().out
    assert "home/hall  E2      1-0:2.8.1" in told
    assert "This meter is not registered to anybody." in told
    run("ledger", "held", "--config", str(hub), "--json")
    (waits,) = json.loads(capsys.readouterr().out)
    assert "Deze meter staat op niemands naam." == waits["zin"]


# What was written before.


def test_registry_papers_without_the_newer_fields_stay_valid(tmp_path):
    street = Street(tmp_path)
    paper = {
        "community": ID,
        "time_ms": 1,
        "edits": [
            {
                "kind": "fit", "gateway": "home", "device": "shed", "serial": "E9",
                "member": "bram", "from_ms": 0, "rated_w": 5_000,
            }
        ],
    }  # fmt: skip
    document = signed.sign(to_json(paper), typ=registries.INLINE, key=key("steward"))
    registry = street.community.registry
    edits = registries.opened(registries.Stored(9, document, {}), registry).edits
    (fit,) = apply(registry, edits).fits["home", "shed"]
    assert ("bram", 5_000, "", False) == (fit.member, fit.rated_w, fit.per_pulse, fit.anew)


AS_OF_SCHEMA_1 = """
    CREATE TABLE old AS SELECT community, gateway, device, register, serial, at_ms, chain, seq,
        value, unit, made_ms, day, member, delta, verdict FROM counter;
    DROP TABLE counter;
    ALTER TABLE old RENAME TO counter;
    CREATE INDEX counter_of_member ON counter (community, member, day, register, delta);
    DROP TABLE unread;
    DROP TABLE correction;
    DROP TABLE container_event;
    DROP TABLE known_weight;
    DROP TABLE turned;
    DROP TABLE clockless;
    DROP TABLE unsure;
    DROP TABLE synced;
    DROP TABLE lost;
    DROP TABLE rotated;
    DROP TABLE gap;
    DROP TABLE command;
    DROP TABLE heard;
    ALTER TABLE chain DROP COLUMN key;
    PRAGMA user_version = 1;
"""


def make_older(path, *statements):
    older = sqlite3.connect(path)
    for (view,) in older.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall():
        older.execute(f"DROP VIEW {view}")
    older.executescript(AS_OF_SCHEMA_1)
    for statement in statements:
        older.execute(statement)
    older.commit()
    older.close()


def test_a_credit_that_only_an_older_program_gave_is_taken_back(tmp_path, monkeypatch):
    street, home = Street(tmp_path), Chain("home")
    with monkeypatch.context() as older:
        older.setattr(counters, "believe", lambda one, fit, tail: (one.value, "", (0, 0, None)))
        street.take("home", home.quarter(NOON_MS, export_wh=3_000))
    assert 1_000_000 == street.balance("acc-noor", "ENERGY")
    street.community.db.close()
    make_older(street.path)
    street.open()
    street.community.settle(NOON_MS)
    assert 0 == street.balance("acc-noor", "ENERGY")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_books_of_schema_1_are_brought_up_to_date_by_their_evidence(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    for n in range(4):
        street.take("home", home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=n * 300))
    street.take("point", Chain("point").deposit(NOON_MS, grams=2_000))
    home.quarter(MIDNIGHT_MS + 4 * QUARTER_MS, export_wh=1_200)  # still to come
    street.take("home", home.quarter(MIDNIGHT_MS + 5 * QUARTER_MS, export_wh=1_500))
    street.edit(MeterFitted("home", "hall", "E1", "bram", 1))
    street.community.settle(NOON_MS)
    counters = street.community.db.execute("SELECT * FROM counter").fetchall()
    assert 4 == len(counters)
    street.community.db.close()
    # What an older program made of the evidence does not matter.
    make_older(street.path, "UPDATE counter SET delta = 7, verdict = 'odd'")
    with pytest.raises(PeopleError, match="books of schema 1, this program reads 6"):
        store.open_to_read(street.path)
    street.open()
    assert counters == street.community.db.execute("SELECT * FROM counter").fetchall()
    street.community.settle(NOON_MS)
    assert 300_000 == street.balance("acc-bram", "ENERGY")
    assert 100_000 == street.balance("acc-noor", "WASTE")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)
    street.community.db.close()
    street.open()  # and once more, with nothing left to read
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_a_statement_says_a_remark_once_with_its_registers_and_how_often():
    def reading(register, sentence):
        place = {"gateway": "home", "device": "hall", "serial": "E1"}
        return {**place, "at": "2026-06-21T10:00:00Z", "register": register, "sentence": sentence}

    some = [reading("1-0:2.8.2", "Odd."), reading("1-0:2.8.1", "Odd."), reading("1-0:1.8.1", "")]
    assert ["2026-06-21T10:00:00Z  home/hall E1: Odd. (1-0:2.8.1 1-0:2.8.2; 2x)"] == _remarks(some)
