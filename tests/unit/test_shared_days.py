"""Energy shared day by day, from signed counts to credits. Amounts of energy are mWh."""

import sqlite3
from pathlib import Path

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.registry.edits import (
    GatewayAdmitted,
    MemberAdded,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.commands.close import close
from ledger_bridge.commands.hub import init
from ledger_bridge.hub import Hub
from tests.homes import Home, Homes, day
from tests.street import ID, MIDNIGHT_MS, NOON_MS, key

PRO_RATA = 'key = "pro-rata"\n'
KWH = 1_000_000
DAY = 96


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return Homes(tmp_path, PRO_RATA)


def test_what_one_gives_back_others_earn_for_using(homes: Homes) -> None:
    """Noor gives back 4 kWh in one quarter-hour, in which bram uses 3 and saar 1: all is used, for
    a credit a kWh. What bram uses in the next quarter-hour comes from nobody.
    """
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH), (0, 5 * KWH)))
    homes.take("shed", *day("shed", (0, 1 * KWH)))
    assert {"noor": (0, 4 * KWH), "bram": (3 * KWH, 0), "saar": (KWH, 0)} == homes.moved()
    assert 3_000_000 == homes.balance("acc-bram", "ENERGY")
    assert 0 == homes.left()
    homes.check()


def test_what_nobody_uses_is_left_over(homes: Homes) -> None:
    """Of 5 kWh noor herself uses 1 in the same quarter-hour and saar 2: 2 are left over."""
    homes.take("home", *day("home", (5 * KWH, 1 * KWH)))
    homes.take("shed", *day("shed", (0, 2 * KWH)))
    assert {"noor": (1 * KWH, 3 * KWH), "saar": (2 * KWH, 0)} == homes.moved()
    assert 2 * KWH == homes.left()
    homes.check()


def test_the_supplier_takes_what_is_left_of_energy_as_an_asset(tmp_path: Path) -> None:
    """In kWh with three places, of 5 kWh bram takes 3.000 and the supplier the 2.000 that are left:
    nothing of what was given back vanishes.
    """
    homes = Homes(tmp_path, PRO_RATA, asset="KWH")
    homes.open_accounts()
    homes.take("home", *day("home", (5 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0), "supplier": (2 * KWH, 0)} == homes.moved()
    assert (3_000, 2_000) == (
        homes.balance("acc-bram", "KWH"),
        homes.balance("acc-supplier", "KWH"),
    )
    homes.check()


def test_a_day_waits_for_the_last_house(homes: Homes) -> None:
    *bram, midnight = day("barn", (0, 3 * KWH))
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *bram)
    assert ({}, None) == (homes.moved(), homes.left())
    homes.check()
    homes.take("barn", midnight)
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()


def test_a_silent_house_holds_a_day_for_three_days(homes: Homes) -> None:
    """Bram was heard of, and then no more. Noor's counts go on: those of three days after the end
    of the day, and not those a quarter-hour before, end the wait.
    """
    noor = Home("home")
    homes.take("barn", *day("barn", (0, 3 * KWH))[:-1])
    homes.take("home", noor.count(0), noor.count(1, 4 * KWH), noor.count(4 * DAY - 1))
    assert {} == homes.moved()
    homes.take("home", noor.count(4 * DAY))
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()
    homes.check()


def test_a_house_that_was_never_heard_of_holds_nothing(homes: Homes) -> None:
    """Saar's meter hangs there by the registry; her gateway has not sent a record yet."""
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()


def test_a_close_ends_the_wait(homes: Homes) -> None:
    """What is missing of bram's day when it is closed counts as nothing."""
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH))[:-1])
    homes.act(Close("2026-06-21"), "june", now_ms=NOON_MS + 86_400_000)
    homes.community.settle(NOON_MS)
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()
    homes.check()


def test_late_counts_share_the_day_anew(homes: Homes) -> None:
    """Bram has all 3 kWh; then saar's old records come and show that she used 9: of the 3 kWh bram
    has 3/12, saar 9/12. What bram got too much is taken back.
    """
    homes.take("home", *day("home", (3 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    assert 3_000_000 == homes.balance("acc-bram", "ENERGY")
    homes.take("shed", *day("shed", (0, 9 * KWH)))
    assert {"noor": (0, 3 * KWH), "bram": (750_000, 0), "saar": (2_250_000, 0)} == homes.moved()
    assert 750_000 == homes.balance("acc-bram", "ENERGY")
    homes.check()


def test_the_first_word_of_a_house_may_make_a_day_wait_again(homes: Homes) -> None:
    """Noor's and bram's day was shared; then saar's midnight comes, from which her meter counts:
    her day is not over. Nothing is due until it is.
    """
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    saar = day("shed", (0, 1 * KWH))
    homes.take("shed", saar[0])
    assert ({}, 0) == (homes.moved(), homes.balance("acc-bram", "ENERGY"))
    homes.check()
    homes.take("shed", *saar[1:])
    assert {"noor": (0, 4 * KWH), "bram": (3 * KWH, 0), "saar": (KWH, 0)} == homes.moved()
    homes.check()


def test_a_clock_that_was_wrong_makes_a_day_wait_again(homes: Homes) -> None:
    """Bram is silent after his first quarter-hour. Noor's gateway believes that four days have
    passed: that ends the wait. Then it knows better, and the day waits for bram as before.
    """
    noor = Home("home")
    homes.take("barn", *day("barn", (0, 3 * KWH))[:-1])
    homes.take("home", noor.count(0), noor.count(1, 4 * KWH))
    homes.take("home", noor.count(DAY, off_ms=4 * 86_400_000))
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()
    homes.take("home", noor.count(DAY + 1))
    assert ({}, 0) == (homes.moved(), homes.balance("acc-bram", "ENERGY"))
    homes.check()


def test_a_sealed_day_stays_as_it_was_shared(homes: Homes) -> None:
    """June 2026 is sealed with June 2029: what saar used in it comes too late."""
    homes.take("home", *day("home", (3 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    homes.act(Close("2026-06"), "june", now_ms=NOON_MS + 40 * 86_400_000)
    homes.act(Close("2029-06"), "another june", now_ms=NOON_MS + 1_120 * 86_400_000)
    homes.take("shed", *day("shed", (0, 9 * KWH)))
    assert {"noor": (0, 3 * KWH), "bram": (3 * KWH, 0)} == homes.moved()
    assert 3_000_000 == homes.balance("acc-bram", "ENERGY")
    homes.check()


def test_what_was_measured_over_several_quarters_takes_no_part(homes: Homes) -> None:
    """Bram's gateway missed a boundary: nobody knows in which quarter-hour he used his 3 kWh."""
    bram = Home("barn")
    homes.take("home", *day("home", (4 * KWH, 0), (1 * KWH, 0)))
    homes.take("barn", bram.count(0), bram.count(2, 0, 3 * KWH), bram.count(DAY))
    assert ({}, 5 * KWH) == (homes.moved(), homes.left())
    homes.check()


def test_a_member_may_take_and_give_in_one_quarter(homes: Homes) -> None:
    """Noor and bram give back 2 and 1 kWh, and noor uses 2 of them. She gave 2/3 of what was taken:
    1,333,333 1/3 mWh, bram 666,666 2/3.
    """
    homes.take("home", *day("home", (2 * KWH, 2 * KWH)))
    homes.take("barn", *day("barn", (1 * KWH, 0)))
    assert {"noor": (2 * KWH, 1_333_333), "bram": (0, 666_667)} == homes.moved()


def test_a_meter_takes_part_by_its_share_rounded_down(tmp_path: Path) -> None:
    """Of noor's 1,000,001 mWh a third is shared here, 333,333; of bram's use half, 1,500,000."""
    homes = Homes(tmp_path, PRO_RATA, shares=("1/3", "1/2", "1"))
    homes.take("home", *day("home", (1_000_001, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    assert {"noor": (0, 333_333), "bram": (333_333, 0)} == homes.moved()
    homes.check()


@pytest.mark.parametrize(
    ("length", "local_day", "begin_ms"),
    [
        # 2026-10-25 and 2027-03-28, from local midnight on.
        (100, "2026-10-25", 1_792_879_200_000),
        (92, "2027-03-28", 1_806_188_400_000),
    ],
    ids=["25 hours", "23 hours"],
)
def test_the_days_on_which_the_clock_changes_are_shared_whole(
    homes: Homes, length: int, local_day: str, begin_ms: int
) -> None:
    """One kWh an hour is given back and used throughout: 250 Wh in each quarter-hour."""
    for gateway, moved in (("home", (250_000, 0)), ("barn", (0, 250_000))):
        home = Home(gateway, begin_ms=begin_ms)
        homes.take(gateway, home.count(0), *(home.count(n + 1, *moved) for n in range(length)))
    whole = length * 250_000
    assert {"noor": (0, whole), "bram": (whole, 0)} == homes.moved(local_day)
    homes.check()


def test_a_new_member_takes_part_from_the_fit_of_their_meter_on(homes: Homes) -> None:
    """Joris's meter is his from a quarter-hour after midnight on: of the second quarter-hour's
    4 kWh he has half, of the first's nothing.
    """
    homes.edit(
        MemberAdded("joris", "acc-joris"),
        GatewayAdmitted("attic", key("attic").public.x),
        MeterFitted("attic", "hall", "", "joris", MIDNIGHT_MS + 900_000),
    )
    homes.take("home", *day("home", (4 * KWH, 0), (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 4 * KWH), (0, 4 * KWH)))
    homes.take("attic", *day("attic", (0, 4 * KWH), (0, 4 * KWH)))
    assert {"noor": (0, 8 * KWH), "bram": (6 * KWH, 0), "joris": (2 * KWH, 0)} == homes.moved()
    homes.check()


@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("3000000 mWh are taken by bram by the evidence", "UPDATE shared SET taken = taken + 1"),
        ("4000000 mWh are given by noor by the evidence", "DELETE FROM shared WHERE given > 0"),
        ("4000000 of 4000000 mWh are shared", "UPDATE shared_day SET produced = produced + 1"),
        ("it is not shared", "DELETE FROM shared_day"),
        ("no policy shares it", "UPDATE shared_day SET rule = 'a'"),
    ],
)
def test_verify_names_what_was_changed(homes: Homes, what: str, statement: str) -> None:
    """Invariant 6 (DESIGN), invariant 16 (ledger)."""
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    homes.take("shed", *day("shed", (0, 1 * KWH)))
    homes.community.db.execute(statement)
    with pytest.raises(Differs, match=what):
        homes.check()


def test_verify_names_a_day_that_was_shared_too_early(homes: Homes) -> None:
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH))[:-1])
    homes.community.db.execute("DELETE FROM unshared")
    homes.community.db.execute(
        "INSERT INTO shared_day VALUES (?, 'shared', '2026-06-21', 4000000, 0)", (ID,)
    )
    with pytest.raises(Differs, match="before its counts are there"):
        homes.check()


def test_a_credit_tells_of_each_quarter_it_comes_from(homes: Homes) -> None:
    """Bram's 3 kWh come from the 4 that noor gave back in the first quarter-hour, in which he used
    3; in the next nobody gave anything.
    """
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH), (0, 5 * KWH)))
    community = homes.community
    ((booking,),) = community.db.execute("SELECT seq FROM booking WHERE member = 'bram'")
    told = why(community.db, ID, booking, registry=community.registry, policies=community.policies)
    assert [
        {
            "at": "2026-06-20T22:00:00Z",
            "produced": "0 kWh",
            "given": "0 kWh",
            "used": "3 kWh",
            "taken": "3 kWh",
            "left": "1 kWh",
            "records": ["barn/evidence-000000000001/2"],
        }
    ] == told["shared"]
    assert "barn/evidence-000000000001/2" == told["record"]["id"]
    assert ("3.000000", {"taken": 3_000_000}) == (told["credit"], told["quantities"])


def test_a_tie_goes_by_account_not_by_name(homes: Homes) -> None:
    """One mWh for bram and zus, who used alike: her account acc-a comes before acc-bram."""
    homes.edit(
        MemberAdded("zus", "acc-a"),
        GatewayAdmitted("attic", key("attic").public.x),
        MeterFitted("attic", "hall", "", "zus", 0),
    )
    homes.take("home", *day("home", (1, 0)))
    homes.take("barn", *day("barn", (0, 7)))
    homes.take("attic", *day("attic", (0, 7)))
    assert {"noor": (0, 1), "zus": (1, 0)} == homes.moved()


def test_a_month_is_not_closed_while_a_house_is_silent(tmp_path: Path) -> None:
    """Bram's counts of the day are not all there: a treasurer is told which meter, and may close
    anyway.
    """
    init(tmp_path / "hub", community=ID)
    config = tmp_path / "hub" / "bridge.toml"
    hub = Hub.load(config)
    homes = Homes(tmp_path / "street", PRO_RATA)
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH))[:-1])
    hub.books.write_bytes(b"")
    with sqlite3.connect(hub.books) as copy:
        homes.community.db.backup(copy)
    with pytest.raises(PeopleError, match="barn/hall was not heard since 2026-06-21"):
        close("2026-06", config=config)


def test_a_day_of_whom_nothing_is_kept_is_no_longer_shared(homes: Homes) -> None:
    """Only noor was measured on it, over several quarter-hours, and she is erased: what is left of
    her is her claims, and this day had none.
    """
    noor = Home("home")
    homes.take("home", noor.count(0), noor.count(2, 0, KWH), noor.count(DAY))
    assert 0 == homes.left()
    homes.act(Close("2026-06-21"), "june", now_ms=NOON_MS + 86_400_000)
    homes.edit(MemberLeft("noor", MIDNIGHT_MS + 86_400_000))
    homes.edit(MemberErased("noor"))
    homes.community.settle(NOON_MS)
    assert homes.left() is None
    homes.check()
