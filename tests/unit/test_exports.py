"""Exports: beancount and hledger load them and find our balances; spreadsheets get numbers as
numbers, and nothing that a name could make them do.
"""

import csv
import io
import json
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from beancount import loader
from beancount.core import realization
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.acts.requests import Close, Transfer
from ledger_bridge.books.book import Posting
from ledger_bridge.books.registry.edits import AccountOpened, MemberAdded
from ledger_bridge.books.registry.holders import holders
from ledger_bridge.books.store import commit
from ledger_bridge.books.telling import export_csv, export_journal, export_xlsx
from ledger_bridge.books.telling.export import Holder, collect
from ledger_bridge.books.telling.export_journal import account_name, commodity
from ledger_bridge.books.telling.export_tables import postings, tables
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, Chain, Street

DAY_MS = 86_400_000
HOSTILE = "=cmd|' /C calc'!A0\n  Assets:Members:Bram  5 \"x\" ; type: X"
ODD_ASSETS = """
[assets."kWh van de zon"]
unit = "Wh"
kind = "measured"

[assets.E]
unit = "EUR"
scale = 2
kind = "money"

[assets.BIG]
unit = "credit"
scale = 9
kind = "credit"
"""


def of(street, period="", *, names=False):
    known = {"registry": street.community.registry, "policies": street.community.policies}
    return collect(street.community.db, ID, period, with_names=names, **known)


@pytest.fixture
def street(tmp_path):
    """Noor brings 2.5 kg in June and Bram 4 kg in July; she gives him 0.1."""
    street, point = Street(tmp_path), Chain("point")
    street.community.db.executemany(
        "INSERT INTO person VALUES (?, ?, ?, ?)",
        [(ID, "noor", HOSTILE, "=2+3"), (ID, "bram", "Bram Ødegård", "")],
    )
    street.take("point", point.deposit(NOON_MS, grams=2_500))
    july_ms = NOON_MS + 12 * DAY_MS
    street.act(Transfer("noor", "bram", "WASTE", 100_000), "gift", now_ms=july_ms)
    street.inbox.take([("point", point.deposit(july_ms, grams=4_000, card="B"))], now_ms=july_ms)
    street.community.settle(july_ms)
    return street


# Plain-text accounting.


def of_beancount(data: bytes) -> dict[tuple[str, str], Decimal]:
    """The balances as beancount finds them, which may not complain of anything."""
    entries, errors, _ = loader.load_string(data.decode())
    assert [] == errors
    found = {}
    for account in realization.iter_children(realization.realize(entries)):
        for position in account.balance:
            found[account.account, position.units.currency] = position.units.number
    return found


def of_hledger(program: str, data: bytes) -> dict[tuple[str, str], Decimal]:
    """The balances as hledger finds them when it is strict."""
    run = (program, "-f", "-", "balance", "--strict", "--flat", "--no-total", "-O", "json")
    ended = subprocess.run(run, input=data, capture_output=True, check=False)
    assert 0 == ended.returncode, ended.stderr.decode()
    return {
        (name, amount["acommodity"]): Decimal(amount["aquantity"]["decimalMantissa"]).scaleb(
            -amount["aquantity"]["decimalPlaces"]
        )
        for name, _, _, amounts in json.loads(ended.stdout)[0]
        for amount in amounts
    }


def ours(street, *, until_ms=2**60) -> dict[tuple[str, str], Decimal]:
    """Balances other than zero by plain SQL, by the names that the journals have."""
    named = {
        account: account_name(Holder(name, role, "", ""))
        for account, (name, role) in holders(street.community.registry).items()
    }
    return {
        (named[account], commodity(asset)): Decimal(amount).scaleb(
            -street.community.policies.asset(asset).scale
        )
        for account, asset, amount in street.community.db.execute(
            "SELECT account, asset, sum(amount) FROM posting JOIN booking ON seq = booking"
            " WHERE booked_ms < ? GROUP BY account, asset HAVING sum(amount) != 0",
            (until_ms,),
        )
    }


def test_a_month_begins_with_what_was_held_and_ends_with_ours(street, part):
    """Invariant 27 (ledger). June ends at 2026-06-30T22:00Z in Amsterdam."""
    july_ms = 1_782_856_800_000
    june, july = of(street, "2026-06"), of(street, "2026-07")
    expected = {
        ("Assets:Members:Noor", "WASTE"): Decimal("0.125"),
        ("Equity:Issuance", "WASTE"): Decimal("-0.125"),
    }
    assert expected == ours(street, until_ms=july_ms)
    assert expected == of_beancount(export_journal.beancount(june))
    assert expected == of_hledger(part("hledger"), export_journal.hledger(june))
    assert ours(street) == of_beancount(export_journal.beancount(july))
    assert ours(street) == of_hledger(part("hledger"), export_journal.hledger(july))


def test_a_journal_that_somebody_changed_is_refused_by_the_programs_that_load_it(street, part):
    """One unit more in a posting of noor's, taken from issuance: every transaction balances."""
    bean, ledger = export_journal.beancount(of(street)), export_journal.hledger(of(street))
    changed = (one.replace(b"0.125000", b"0.125001", 1) for one in (bean, ledger))
    spoiled = [one.replace(b"-0.125000", b"-0.125001", 1) for one in changed]
    _, errors, _ = loader.load_string(spoiled[0].decode())
    assert {"BalanceError"} == {type(error).__name__ for error in errors}
    run = subprocess.run(
        (part("hledger"), "-f", "-", "check"), input=spoiled[1], capture_output=True, check=False
    )
    assert b"balance assertion" in run.stderr


def test_a_transaction_names_its_booking_its_rule_its_period_and_its_policy(street):
    entries, _, _ = loader.load_string(export_journal.beancount(of(street, "2026-06")).decode())
    (earned,) = [one for one in entries if type(one).__name__ == "Transaction"]
    hashed = street.community.policies.in_order[0].hash
    assert ("waste of noor on 2026-06-21", {"waste"}, {"booking-1"}) == (
        earned.narration, earned.tags, earned.links,
    )  # fmt: skip
    assert (1, "2026-06-21", hashed) == (
        earned.meta["booking"], earned.meta["period"], earned.meta["policy"],
    )  # fmt: skip


def test_a_correction_of_a_closed_month_is_linked_to_its_close(street):
    street.act(Close("2026-06"), "close", now_ms=NOON_MS + 13 * DAY_MS)
    late = Chain("point", "evidence-000000000002")
    late_ms = NOON_MS + 14 * DAY_MS
    others = [late.record([], made_ms=late_ms) for _ in range(2)]
    late_one = late.deposit(NOON_MS + 1, grams=1_000, card="B")
    street.inbox.take([("point", one) for one in (*others, late_one)], now_ms=late_ms)
    street.community.settle(late_ms)
    found = of(street)
    assert [None, None, None, None, 4] == [one.corrects for one in found.bookings]
    assert b"^booking-5 ^booking-4" in export_journal.beancount(found)
    assert b"corrects:4" in export_journal.hledger(found)


def test_names_are_there_only_where_they_are_asked_for(street):
    forms = (
        lambda found: export_csv.write(postings(found, "nl")),
        export_journal.beancount,
        export_journal.hledger,
        lambda found: "".join(map(str, cells(export_xlsx.write(tables(found, "en"))))).encode(),
    )
    assert [False] * 4 == ["Ødegård".encode() in form(of(street)) for form in forms]
    assert [True] * 4 == ["Ødegård".encode() in form(of(street, names=True)) for form in forms]


def test_a_name_cannot_write_a_posting_or_a_tag_of_its_own(street, part):
    found = of(street, names=True)
    assert ours(street) == of_beancount(export_journal.beancount(found))
    journal = export_journal.hledger(found)
    assert ours(street) == of_hledger(part("hledger"), journal)
    assert b"type:" not in journal


@pytest.mark.parametrize(
    ("asset", "expected"),
    [("ENERGY", "ENERGY"), ("E", "XA9F51566BD67"), ("kWh", "X58520857F198"), ("A.B-1", "A.B-1")],
)
def test_a_commodity_is_the_assets_code_where_the_programs_allow_it(asset, expected):
    """Else X and the first twelve digits of `printf E | sha256sum`, in capitals."""
    assert expected == commodity(asset)


def test_accounts_never_share_a_name():
    members = ("a", "-a", "id-a", "--a", "1", "-1", "retired", "pool")
    names = {account_name(Holder(member, "member", "", "")) for member in members}
    names |= {account_name(Holder(role, role, "", "")) for role in ("pool", "retired", "issuance")}
    assert len(members) + 3 == len(names)


_HOLDERS = ("noor", "bram", "-x", "0", "retired", "pool", "issuance")
_MOVES = st.lists(
    st.tuples(
        st.sampled_from(_HOLDERS),
        st.sampled_from(_HOLDERS),
        st.sampled_from(["ENERGY", "kWh van de zon", "E", "BIG"]),
        st.integers(1, 2**55),
        st.integers(0, 70),  # the day
    ).filter(lambda move: move[0] != move[1]),
    max_size=8,
)


@settings(max_examples=15)
@given(moves=_MOVES, month=st.sampled_from(["", "2026-06", "2026-07", "2026-08"]))
def test_beancount_and_hledger_find_our_balances(part, moves, month):
    """Invariant 27 (ledger): loaded without an error, and every balance is ours."""
    with tempfile.TemporaryDirectory() as folder:
        street = Street(
            Path(folder), policy=POLICY.replace("[fractions", f"{ODD_ASSETS}\n[fractions", 1)
        )
        street.edit(MemberAdded("-x", "acc-x"), MemberAdded("0", "acc-0"))
        street.edit(
            AccountOpened("acc-r", "retired", "retired"), AccountOpened("acc-p", "pool", "pool")
        )
        accounts = {
            one.name: account for account, one in holders(street.community.registry).items()
        }
        for giver, receiver, asset, amount, day in moves:
            batch = street.community.book.batch(MIDNIGHT_MS + day * DAY_MS)
            move = [
                Posting(accounts[receiver], asset, amount),
                Posting(accounts[giver], asset, -amount),
            ]
            batch.book("transfer", move, {})
            with commit(street.community.db):
                batch.write()
            batch.done()
        found = of(street, month)
        until_ms = found.days.bounds_ms("Europe/Amsterdam")[1]
        expected = ours(street, until_ms=until_ms)
        assert expected == of_beancount(export_journal.beancount(found))
        assert expected == of_hledger(part("hledger"), export_journal.hledger(found))


# Spreadsheets.


def cells(data: bytes) -> list[object]:
    """Every cell of a workbook, read as any program would."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    return [cell.value for sheet in book for row in sheet.iter_rows() for cell in row]


def test_a_workbook_has_amounts_as_numbers_with_the_places_of_their_asset(street):
    book = openpyxl.load_workbook(io.BytesIO(export_xlsx.write(tables(of(street), "nl"))))
    assert ["Over", "Saldi", "Boekingen", "Leden", "Gemeten"] == book.sheetnames
    saldi = book["Saldi"]
    shown = [[cell.value for cell in row] for row in saldi.iter_rows()]
    assert [
        "van",
        "rol",
        "extern nummer",
        "naam",
        "eenheid",
        "beginsaldo",
        "erbij",
        "eraf",
        "eindsaldo",
    ] == shown[0]
    assert ["noor", "lid", "=2+3", None, "WASTE", 0, 0.125, -0.1, 0.025] == shown[1]
    assert ("n", "0.000000", "A2", "A1:I4") == (
        saldi["I2"].data_type, saldi["I2"].number_format, saldi.freeze_panes, saldi.auto_filter.ref,
    )  # fmt: skip
    measured = [[cell.value for cell in row] for row in book["Gemeten"].iter_rows()]
    assert [
        ["waste", "bram", "glass", 4, "kg", None, None],
        ["waste", "bram", None, None, None, 0.2, "WASTE"],
    ] == measured[1:3]


def test_what_was_earned_in_a_month_is_there_although_it_was_booked_after_it(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    street.inbox.take([("point", point.deposit(NOON_MS, grams=2_500))], now_ms=NOON_MS)
    street.community.settle(NOON_MS + 12 * DAY_MS)
    book = openpyxl.load_workbook(
        io.BytesIO(export_xlsx.write(tables(of(street, "2026-06"), "nl")))
    )
    measured = [[cell.value for cell in row] for row in book["Gemeten"].iter_rows()]
    assert ["waste", "noor", None, None, None, 0.125, "WASTE"] == measured[2]
    assert 1 == book["Boekingen"].max_row


def test_no_text_of_a_workbook_is_a_formula(street):
    book = openpyxl.load_workbook(
        io.BytesIO(export_xlsx.write(tables(of(street, names=True), "en")))
    )
    every = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert set() == {cell.value for cell in every if cell.data_type == "f"}
    (name, *_) = [cell for cell in every if str(cell.value).startswith("=cmd")]
    assert ("s", True) == (name.data_type, name.quotePrefix)


def test_a_csv_file_is_as_dutch_spreadsheets_read_it(street):
    data = export_csv.write(postings(of(street, "2026-06"), "nl"))
    hashed = street.community.policies.in_order[0].hash
    expected = (
        "\ufeffboeking;dag;tijd;soort;spelregel;over;van;rol;extern nummer;naam;eenheid;bedrag;"
        "saldo;corrigeert afsluiting;spelregels\r\n"
        "1;2026-06-21;12:00;recht;waste;2026-06-21;noor;lid;'=2+3;;WASTE;0,125000;0,125000;;"
        f"{hashed}\r\n"
        "1;2026-06-21;12:00;recht;waste;2026-06-21;issuance;uitgifte;;;WASTE;-0,125000;-0,125000;;"
        f"{hashed}\r\n"
    )
    assert expected == data.decode()


def test_no_text_of_a_csv_file_is_a_formula(street):
    rows = csv.reader(
        io.StringIO(export_csv.write(postings(of(street, names=True), "en")).decode("utf-8-sig")),
        delimiter=";",
    )
    head, *rest = rows
    names = {row[head.index("name")] for row in rest}
    assert {"", "Bram Ødegård", f"'{HOSTILE}"} == names
