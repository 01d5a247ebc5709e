"""Members who leave, cards that are revoked, names that change: what counts, and for whom."""

import csv
import io
import json
import shutil
import stat
import zipfile

import pytest

from gateway.cli import build
from gateway.contract.cards import token
from gateway.contract.errors import ConfigError, PeopleError, UsageError
from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Close, Retire, Transfer
from ledger_bridge.books.community import Community, load_registry
from ledger_bridge.books.log.proof import check, read
from ledger_bridge.books.log.proving import prove
from ledger_bridge.books.registry.edits import (
    CardGiven,
    CardRevoked,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.books.telling.about import about
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

DAY_MS = 86_400_000
A = token("A", CARD_KEY)
# Midnight between 21 and 22 June.
NEXT_MS = MIDNIGHT_MS + DAY_MS


@pytest.fixture
def street(tmp_path):
    """Noor's meter counts 900 Wh in the last quarter-hour of 21 June and 600 in the first of 22;
    2.5 kg of glass are brought with her card A on each day.
    """
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    street.take(
        "home",
        home.quarter(NEXT_MS - QUARTER_MS, export_wh=0),
        home.quarter(NEXT_MS, export_wh=900),
        home.quarter(NEXT_MS + QUARTER_MS, export_wh=1_500),
    )
    street.take("point", *(point.deposit(NOON_MS + n * DAY_MS, grams=2_500) for n in (0, 1)))
    return street


def dues(street):
    street.community.settle(NOON_MS)
    rows = street.community.db.execute("SELECT rule, period, due FROM claim WHERE due != 0")
    return {(rule, period): due for rule, period, due in rows}


WHOLE = {
    ("sun", "2026-06-21"): 300_000,
    ("sun", "2026-06-22"): 200_000,
    ("waste", "2026-06-21"): 125_000,
    ("waste", "2026-06-22"): 125_000,
}
FIRST_DAY = {("sun", "2026-06-21"): 300_000, ("waste", "2026-06-21"): 125_000}


def test_what_came_before_the_day_of_leaving_counts_and_nothing_after_it(street):
    """900 Wh at 1/3 are 0.3, 600 are 0.2; 2.5 kg at 0.05 are 0.125."""
    assert WHOLE == dues(street)
    street.edit(MemberLeft("noor", NEXT_MS))
    assert FIRST_DAY == dues(street)


def test_a_meter_that_is_fitted_afterwards_for_a_member_who_left_ends_with_them(street):
    """The fit by its number goes before the one for any, and reaches back to the day before."""
    street.edit(MemberLeft("noor", NEXT_MS))
    street.edit(MeterFitted("home", "hall", "E1", "noor", MIDNIGHT_MS))
    assert FIRST_DAY == dues(street)


def test_whoever_follows_at_the_same_meter_begins_where_the_other_ended(street):
    street.edit(MemberLeft("noor", NEXT_MS))
    street.edit(MeterFitted("home", "hall", "", "bram", NEXT_MS))
    assert {**FIRST_DAY, ("sun", "2026-06-22"): 200_000} == dues(street)
    assert 200_000 == street.balance("acc-bram", "ENERGY")


def test_a_revoked_card_is_nobodys_from_that_time_on(street):
    street.edit(CardRevoked(A, NOON_MS + DAY_MS))
    assert {name: due for name, due in WHOLE.items() if name != ("waste", "2026-06-22")} == dues(
        street
    )
    street.edit(CardGiven(token("C", CARD_KEY), "noor"))
    assert 125_000 == street.balance("acc-noor", "WASTE")


REFUSED = {
    "nobody": (MemberLeft("wim", NEXT_MS), "no member 'wim'"),
    "a card of nobody": (CardRevoked("0" * 32, NEXT_MS), "nobody has this card"),
    "twice": (MemberLeft("bram", NEXT_MS), "bram has left already"),
}


@pytest.mark.parametrize(("edit", "expected"), REFUSED.values(), ids=REFUSED)
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(street, edit, expected):
    """Invariant 10 (DESIGN)."""
    street.edit(MemberLeft("bram", MIDNIGHT_MS))
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        street.edit(edit)
    assert before == list(street.community.db.iterdump())


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Transfer("bram", "noor", "ENERGY", 1), "noor"),
        (Transfer("noor", "bram", "ENERGY", 500_001), "noor has 0.499992"),
    ],
    ids=["more", "below zero"],
)
def test_the_account_of_who_left_only_goes_towards_zero(street, act, expected):
    street.act(Transfer("noor", "bram", "ENERGY", 1), "before")
    street._now_ms = NOON_MS
    street.edit(MemberLeft("noor", MIDNIGHT_MS + 60_000))
    street.act(Transfer("noor", "bram", "ENERGY", 7), "towards", now_ms=NOON_MS + 2 * DAY_MS)
    with pytest.raises(PeopleError, match=expected):
        street.act(act, "away", now_ms=NOON_MS + 2 * DAY_MS)


def files_about(street, member):
    found = about(
        street.community.db,
        member,
        registry=street.community.registry,
        policies=street.community.policies,
        now_ms=NOON_MS,
    )
    return {file.name: file.data for file in found}


def test_everything_about_a_member_is_in_the_files_and_nothing_about_another(street):
    """Three counts, two deposits with their two lines each, four claims and bookings; the log's
    words with the salts from which its commitments follow.
    """
    files = files_about(street, "noor")
    assert {
        "member": "noor",
        "name": "",
        "external_id": "",
        "account": "acc-noor",
        "left": None,
    } == (json.loads(files["member.json"]))
    assert [3, 2, 4, 4] == [
        len(list(csv.DictReader(io.StringIO(files[name].decode()))))
        for name in ("counter.csv", "deposit.csv", "claim.csv", "bookings.csv")
    ]
    kinds = [edit["kind"] for edit in json.loads(files["edits.json"])]
    assert ["member", "fit", "card"] == kinds
    assert 6 == files["records/home-evidence-000000000001.txt"].count(b"\n")
    assert "0.250000" == json.loads(files["statements/2026-06.json"])["sums"]["WASTE"]
    assert all(name.encode() in files["index.txt"] for name in files if name != "index.txt")
    assert b"bram" not in b"".join(files.values())


def test_the_proofs_in_the_files_hold_also_after_erasing(street):
    """They need the log's key and nothing else. Invariant 24 (ledger)."""
    files = files_about(street, "noor")
    proofs = [data.decode() for name, data in files.items() if name.startswith("proofs/")]
    assert 4 == len(proofs)
    street._now_ms = NOON_MS + 20 * DAY_MS
    street.open_accounts()
    street.edit(MemberLeft("noor", NEXT_MS))
    street.community.settle(street._now_ms)
    street.act(Close("2026-06"), "june", now_ms=street._now_ms)
    for asset in ("ENERGY", "WASTE"):
        held = street.balance("acc-noor", asset)
        street.act(Retire("noor", asset, held), asset, now_ms=street._now_ms)
    street.edit(MemberErased("noor"))
    for text in proofs:
        check(read(text), key("log").public)
    for number in range(1, 5):
        with pytest.raises(PeopleError, match="erased, with the member that it was for"):
            prove(street.community.db, street.community.registry, number)


# On the command line.


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """A hub with noor and bram, who have names and numbers elsewhere."""
    config = tmp_path_factory.mktemp("founded") / "hub" / "bridge.toml"
    build()(("hub", "init", str(config.parent), "--community", ID, "--page", "127.0.0.1:0"))
    run(config, "member", "add", "noor", "--name", "Noor", "--external-id", "N1")
    run(config, "member", "add", "bram", "--name", "Bram", "--external-id", "B1")
    run(config, "hub", "admit", f"point={key('point').public.x}")
    return config.parent


@pytest.fixture
def hub(founded, tmp_path, capsys):
    """The same hub, for one test to change."""
    capsys.readouterr()
    return shutil.copytree(founded, tmp_path / "hub") / "bridge.toml"


def run(config, *words):
    return build()((*words, "--config", str(config)))


def people(config):
    db = store.open_to_read(config.parent / "books.db")
    return db.execute("SELECT member, name, external_id FROM person ORDER BY member").fetchall()


def imported(config, text):
    file = config.parent / "members.csv"
    file.write_text(text)
    run(config, "member", "import", str(file))


def test_names_and_numbers_elsewhere_change_by_a_file_and_empty_columns_change_nothing(hub, capsys):
    imported(hub, "member,name,external_id\nnoor,,N2\nbram,Bram de Vries,\nsaar,,\n")
    expected = [("bram", "Bram de Vries", "B1"), ("noor", "Noor", "N2"), ("saar", "saar", "")]
    assert expected == people(hub)
    assert "1 members added, 2 changed, 0 meters and cards" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("member,external_id\nsaar,B1\n", "external_id 'B1' is bram's"),
        ("member,external_id\nsaar,S1\nwim,S1\n", "external_id 'S1' is saar's"),
    ],
)
def test_two_members_do_not_share_a_number_elsewhere_and_the_line_is_named(hub, text, expected):
    before = people(hub)
    with pytest.raises(UsageError, match=expected) as refused:
        imported(hub, text)
    assert f"members.csv line {text.count(chr(10))}" in refused.value.problems[0].where
    assert before == people(hub)


def test_a_number_elsewhere_that_is_somebody_elses_is_refused_at_the_desk_too(hub):
    with pytest.raises(PeopleError, match="external_id 'B1' is bram's"):
        run(hub, "member", "add", "saar", "--external-id", "B1")
    assert ["bram", "noor"] == [member for member, _, _ in people(hub)]


def test_a_member_is_erased_only_with_their_id_said_twice(hub):
    run(hub, "member", "leave", "noor", "--from", "2026-06-22")
    with pytest.raises(UsageError, match="nobody can bring back what is erased of noor"):
        run(hub, "member", "erase", "noor")
    with pytest.raises(PeopleError, match="2026-06-21, their last day, is not closed"):
        run(hub, "member", "erase", "noor", "--confirm", "noor")
    run(hub, "ledger", "close", "2026-06")
    run(hub, "member", "erase", "noor", "--confirm", "noor")
    assert [("bram", "Bram", "B1")] == people(hub)


def test_the_file_about_a_member_is_for_one_pair_of_eyes_and_overwrites_nothing(hub, tmp_path):
    out = tmp_path / "noor.zip"
    run(hub, "member", "export", "noor", "--out", str(out))
    assert "-rw-------" == stat.filemode(out.stat().st_mode)
    assert "index.txt" == zipfile.ZipFile(out).namelist()[-1]
    with pytest.raises(ConfigError, match="File exists"):
        run(hub, "member", "export", "noor", "--out", str(out))


def test_a_card_is_revoked_from_a_day_on(hub):
    run(hub, "member", "card", "noor", "A1B2")
    run(hub, "member", "card", "noor", "A1B2", "--revoke", "--from", "2026-06-22")
    db = store.open_to_read(hub.parent / "books.db")
    registry = load_registry(db, ID)
    card = token("A1B2", Hub.load(hub).card_key())
    times = (NOON_MS, NOON_MS + DAY_MS)
    assert ["noor", None] == [registry.of_card(card, at_ms) for at_ms in times]


def test_a_month_in_which_something_waits_is_closed_only_when_asked_twice(hub):
    hub_, point = Hub.load(hub), Chain("point")
    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    Inbox(community).take([("point", point.deposit(NOON_MS, grams=100))], now_ms=NOON_MS)
    community.db.close()
    with pytest.raises(PeopleError, match="1 thing waits for a steward"):
        run(hub, "ledger", "close", "2026-06")
    run(hub, "ledger", "close", "2026-06", "--anyway")


def test_a_month_of_which_records_are_missing_is_not_closed_unasked(hub):
    hub_, point = Hub.load(hub), Chain("point")
    sent, _, ahead = (point.deposit(NOON_MS + n, grams=100) for n in range(3))
    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    Inbox(community).take([("point", sent), ("point", ahead)], now_ms=NOON_MS)
    community.db.close()
    with pytest.raises(PeopleError, match="records 2 to 2 are missing"):
        run(hub, "ledger", "close", "2026-06")


def test_evidence_goes_only_when_asked_twice_and_once_it_is_sealed(hub):
    prune = ("ledger", "prune", "--until", "2026-06-30")
    with pytest.raises(UsageError, match="nobody can bring back the evidence up to 2026-06-30"):
        run(hub, *prune)
    with pytest.raises(PeopleError, match="what is due on 2026-06-30 may still be corrected"):
        run(hub, *prune, "--confirm")


@pytest.mark.parametrize("period", ["juni", "2026-6", "0001-01"])
def test_what_is_no_month_of_these_books_is_no_period(hub, period):
    with pytest.raises(UsageError, match=r"no month such as|no day of these books"):
        run(hub, "ledger", "close", period)
