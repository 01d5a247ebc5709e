"""Erasing a member: nothing that leads to them is left, and what others have is what it was."""

import itertools
import resource
import shutil
import sqlite3

import pytest

from gateway.contract.cards import token
from gateway.contract.errors import PeopleError
from gateway.contract.record import SAMPLES, Element, decimal
from ledger_bridge.books.acts.requests import Close, Donate
from ledger_bridge.books.closing import erase
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.official import Sight
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.log.proof import check, read, render
from ledger_bridge.books.log.proving import prove
from ledger_bridge.books.registry.edits import (
    CardGiven,
    GatewayAdmitted,
    LimitSet,
    MemberAdded,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.books.verify.verify import Differs
from tests.homes import Home, Homes
from tests.point import Point
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, Chain, deposit_id, key

DAY_MS = 86_400_000
# The local midnight that ends 22 June, and one in July.
LEFT_MS = MIDNIGHT_MS + 2 * DAY_MS
JULY_MS = MIDNIGHT_MS + 12 * DAY_MS
KWH = 1_000_000
DAY = 96


class Village(Homes):
    """Noor, bram and saar share energy pro rata to use; on 23 June kees takes over noor's meter.

    21 June: noor gives back 4 kWh, bram uses 3 of it and saar 1. 22 June: she gives back 2, bram
    uses 1 and she 3 herself. She brings 2.5 kg of glass with card A, bram 1 kg with card B.
    """

    def __init__(self, folder):
        super().__init__(folder, 'key = "pro-rata"\n')
        # As SQLite is built on many machines: what is deleted stays in the file.
        self.community.db.execute("PRAGMA secure_delete = OFF")
        self.open_accounts()
        self.noor, self.bram, self.saar = Home("home"), Home("barn"), Home("shed")
        self.point = Chain("point")
        self.edit(
            MemberAdded("kees", "acc-kees"),
            MeterFitted("home", "hall", "", "kees", LEFT_MS),
            LimitSet("bram", "ENERGY", None, None, "as agreed"),
        )
        self.take(
            "home",
            self.noor.count(0),
            self.noor.count(1, 4 * KWH, 0),
            self.noor.count(DAY),
            self.noor.count(DAY + 1, 2 * KWH, 3 * KWH),
            self.noor.count(2 * DAY),
            self.noor.count(2 * DAY + 1, 5 * KWH),
        )
        self.take(
            "barn",
            self.bram.count(0),
            self.bram.count(1, 0, 3 * KWH),
            self.bram.count(DAY),
            self.bram.count(DAY + 1, 0, 1 * KWH),
            self.bram.count(3 * DAY),
        )
        self.take("shed", self.saar.count(0), self.saar.count(1, 0, KWH), self.saar.count(3 * DAY))
        self.take(
            "point",
            self.point.deposit(NOON_MS, grams=2_500, card="A"),
            self.point.deposit(NOON_MS + 1_000, grams=1_000, card="B"),
        )
        self.community.db.execute(
            "INSERT INTO person VALUES (?, 'noor', 'Noortje Jansen', 'N-4711')", (ID,)
        )

    def leave(self):
        """Noor goes: June is closed, and her account brought to zero."""
        self._now_ms = JULY_MS
        self.edit(MemberLeft("noor", LEFT_MS))
        self.settle()
        self.act(Close("2026-06"), "june", now_ms=JULY_MS)
        self.settle()
        for asset in ("ENERGY", "WASTE"):
            if held := self.balance("acc-noor", asset):
                self.act(Donate("noor", "pool", asset, held), f"gift {asset}", now_ms=JULY_MS)

    def settle(self):
        while self.community.settle(JULY_MS):
            pass

    def erase(self):
        self.edit(MemberErased("noor"))
        self.settle()

    def facts_of_others(self):
        """What is measured, brought and due of everybody but noor."""
        return {
            table: self.community.db.execute(
                f"SELECT * FROM {table} WHERE community = ? AND member != 'noor'", (ID,)
            ).fetchall()
            for table in ("counter", "deposit", "claim", "shared")
        }


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    village.leave()
    return village


def files(village):
    return b"".join(path.read_bytes() for path in village.path.parent.iterdir())


def verdicts(village, gateway):
    rows = village.community.db.execute(
        "SELECT verdict FROM deposit WHERE gateway = ? ORDER BY seq", (gateway,)
    )
    return [verdict for (verdict,) in rows]


def count(village, what):
    return village.community.db.execute(f"SELECT count(*) FROM {what}").fetchone()[0]


def test_the_account_of_the_one_who_took_over_begins_where_the_other_ended(village):
    """Of 5 kWh that kees gave back in his first quarter-hour, 1/3 credit each: 1.666666."""
    assert 1_666_666 == village.balance("acc-kees", "ENERGY")


def test_what_others_measured_brought_and_are_due_is_what_it_was(village):
    """Invariant 26 (ledger). Invariant 6 (DESIGN)."""
    before = village.facts_of_others()
    village.check()
    village.erase()
    assert before == village.facts_of_others()
    assert 1_666_666 == village.balance("acc-kees", "ENERGY")
    village.check()
    village.community.db.close()
    village.open()
    village.check()


PERSONAL = {
    "the name": b"Noortje",
    "the number elsewhere": b"N-4711",
    "the card": token("A", CARD_KEY).encode(),
    "the deposit": deposit_id("point", 0).encode(),
}


@pytest.mark.parametrize("trace", PERSONAL.values(), ids=PERSONAL)
def test_no_byte_that_leads_to_them_is_left_in_any_file_of_the_books(village, trace):
    """Invariant 9 (DESIGN), 26 (ledger)."""
    assert trace in files(village)
    village.erase()
    assert trace not in files(village)


def test_their_counts_are_in_no_file_any_more(village):
    """The record of the first quarter-hour, in which 4 kWh were given back."""
    (record,) = village.community.db.execute(
        "SELECT data FROM record WHERE gateway = 'home' AND seq = 2"
    ).fetchone()
    assert record in files(village)
    village.erase()
    assert record not in files(village)


def test_what_others_have_is_still_there(village):
    village.erase()
    assert token("B", CARD_KEY).encode() in files(village)
    assert deposit_id("point", 1).encode() in files(village)


def test_only_the_count_from_which_the_next_one_is_measured_stays_of_the_meter(village):
    """Of home's six records noor's first four go; her last and kees's own stay."""
    village.erase()
    rows = village.community.db.execute(
        "SELECT seq, data != x'' FROM record WHERE gateway = 'home' ORDER BY seq"
    ).fetchall()
    assert [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (6, 1)] == rows


def test_salts_and_words_of_their_entitlements_go_and_every_tree_head_holds(village):
    """Each stored head is checked against the leaves by `verify`. Invariant 8 (DESIGN)."""
    entitled = count(village, "booking WHERE member = 'noor'")
    village.erase()
    assert entitled > 0
    assert entitled == count(village, "erased_leaf")
    assert entitled == count(village, "leaf WHERE body = x'' AND salt = x''")
    village.check()


def test_every_proof_of_somebody_else_holds(village):
    """Made before and after, of each booking that is not noor's claim; those before need nothing of
    the books. Invariant 24, 26 (ledger).
    """

    def proofs():
        rows = village.community.db.execute(
            "SELECT seq FROM booking WHERE member IS NOT 'noor' ORDER BY seq"
        )
        registry = village.community.registry
        return [render(prove(village.community.db, registry, seq)) for (seq,) in rows.fetchall()]

    before = proofs()
    village.erase()
    assert 8 == len(before)
    for text in before + proofs():
        check(read(text), key("log").public)


def test_what_was_booked_stays_and_the_books_balance(village):
    """Invariant 1 (DESIGN)."""
    before = village.community.db.execute("SELECT * FROM posting").fetchall()
    village.erase()
    assert before == village.community.db.execute("SELECT * FROM posting").fetchall()
    assert 0 == count(village, "balance WHERE account = 'acc-noor' AND amount != 0")


def test_late_evidence_of_a_neighbour_is_still_shared_with_what_the_erased_one_gave(village):
    """On 22 June noor gave back 2 kWh, used 3 in the same quarter-hour and bram 1: of the 2 he
    takes 1/4, half a kWh. Saar's count comes late and says 4 kWh in it: of 8 kWh bram now takes
    1/8 (0.25), saar half (1.0). Invariant 5 (DESIGN).
    """
    village.erase()
    assert {"noor": (1_500_000, 2 * KWH), "bram": (500_000, 0)} == village.moved("2026-06-22")
    late = Home("shed2")
    village.edit(
        GatewayAdmitted("shed2", key("shed2").public.x), MeterFitted("shed2", "hall", "", "saar", 0)
    )
    village.take("shed2", late.count(DAY), late.count(DAY + 1, 0, 4 * KWH))
    village.settle()
    expected = {"noor": (750_000, 2 * KWH), "bram": (250_000, 0), "saar": (1_000_000, 0)}
    assert expected == village.moved("2026-06-22")
    assert 0 == village.balance("acc-noor", "ENERGY")
    village.check()


def test_what_neighbours_need_goes_when_its_month_is_sealed(village):
    village.erase()
    assert 0 < count(village, "kept")
    village.act(Close("2029-06"), "later", now_ms=JULY_MS + 1_096 * DAY_MS)
    assert 0 == count(village, "kept")
    village.check()


def test_their_claims_are_frozen_whatever_still_comes(village):
    """A deposit with the old card is nobody's; a count of the old meter is nobody's."""
    village.erase()
    before = village.facts_of_others()["claim"]
    village.take("point", village.point.deposit(NOON_MS + 9_000, grams=900, card="A"))
    village.settle()
    assert before == village.facts_of_others()["claim"]
    assert ["", "nobody"] == verdicts(village, "point")
    village.check()


def test_an_erased_record_that_is_sent_again_is_known_and_stays_erased(tmp_path):
    """Invariant 2 (DESIGN)."""
    village = Village(tmp_path)
    again = village.point.deposit(NOON_MS + 5_000, grams=700, card="A")
    village.take("point", again)
    village.leave()
    village.erase()
    delivery = village.inbox.take([("point", again)], now_ms=JULY_MS)
    assert (0, 1) == (delivery.stored, delivery.repeated)
    assert 3 == delivery.receipts[0].up_to
    village.check()


def test_a_gateway_that_served_nobody_else_loses_all_that_it_sent(tmp_path):
    village = Village(tmp_path)
    village.edit(
        GatewayAdmitted("shop", key("shop").public.x),
        MeterFitted("shop", "meter", "SHOP-1", "noor", 0),
    )
    shop = Chain("shop")
    village.take(
        "shop",
        shop.quarter(MIDNIGHT_MS, export_wh=0, serial="SHOP-1", device="meter"),
        shop.quarter(NOON_MS, export_wh=100, serial="SHOP-9", device="attic"),
    )
    village.leave()
    village.erase()
    assert 0 == count(village, "record WHERE gateway = 'shop' AND data != x''")
    assert b"SHOP-" not in files(village)
    village.check()


def test_a_count_of_nobodys_meter_stays_where_another_members_begins_with_it(tmp_path):
    """The pump is fitted for kees when he takes over: what it counts from midnight on is his, 3 kWh
    at 1/3 credit each.
    """
    village, pump = Village(tmp_path), Home("home", device="pump")
    pump.chain = village.noor.chain
    village.edit(MeterFitted("home", "pump", "", "kees", LEFT_MS))
    village.take("home", pump.count(2 * DAY), pump.count(2 * DAY + 1, 3 * KWH))
    village.leave()
    before = village.facts_of_others()
    village.erase()
    assert before == village.facts_of_others()
    assert 1_666_666 + 1_000_000 == village.balance("acc-kees", "ENERGY")
    village.check()


def test_samples_go_that_a_gateway_sent_before_it_served_another(tmp_path):
    """Its first sample was made while it served noor alone, its second once it served kees."""
    village, samples = Village(tmp_path), Chain("home", "samples-0000000001")
    village.take(
        "home",
        *(
            samples.record([Element(n="hall/power", u="W", v=decimal(7))], made_ms=at, typ=SAMPLES)
            for at in (LEFT_MS - 1, LEFT_MS + 1)
        ),
    )
    village.leave()
    village.erase()
    assert [(1, 1), (2, 0)] == village.community.db.execute(
        "SELECT seq, data = x'' FROM record WHERE chain = 'samples-0000000001' ORDER BY seq"
    ).fetchall()
    village.check()


def test_a_paper_about_them_alone_loses_its_bytes_and_one_about_others_does_not(tmp_path):
    village = Village(tmp_path)
    village.edit(
        GatewayAdmitted("shop", key("shop").public.x), MeterFitted("shop", "till", "", "noor", 0)
    )
    shop = Chain("shop")
    village.take("shop", shop.quarter(NOON_MS, export_wh=100, device="till", serial="T1"))
    for name, gateway, device, serial in (("a", "shop", "till", "T1"), ("b", "barn", "hall", "E1")):
        sight = Sight(gateway, device, "1-0:2.8.1", serial, NOON_MS, 0, "Wh", f"by-{name}")
        data = papers.make(Paper(ID, name, NOON_MS, (sight,)), key=key("steward"))
        village.community.hand_in_evidence(data, now_ms=NOON_MS)
    village.leave()
    village.erase()
    assert [(1, 1), (2, 0)] == village.community.db.execute(
        "SELECT seq, data = x'' FROM paper ORDER BY seq"
    ).fetchall()
    assert b"by-a" not in files(village)
    assert b"by-b" in files(village)
    village.check()


def test_a_deposit_by_which_anothers_is_judged_stays(tmp_path):
    """One weighing was sent with each card: the second counts for nobody. Without the first it
    would count for bram. Invariant 15 (ledger).
    """
    village, point = Village(tmp_path), Point("yard")
    village.edit(GatewayAdmitted("yard", key("yard").public.x))
    village.take(
        "yard",
        point.bring("d1", NOON_MS, grams=800, card="A", serial="S1", alibi="7"),
        point.bring("d2", NOON_MS + 60_000, grams=800, card="B", serial="S1", alibi="7"),
    )
    village.leave()
    before = village.facts_of_others()
    village.erase()
    assert before == village.facts_of_others()
    assert ["nobody", "twice-weighed"] == verdicts(village, "yard")
    village.check()


REFUSED = {
    "has not left": ([], "noor has not left"),
    "months open": ([MemberLeft("noor", LEFT_MS)], "2026-06-22, their last day, is not closed"),
}


@pytest.mark.parametrize(("edits", "expected"), REFUSED.values(), ids=REFUSED)
def test_who_cannot_be_erased_is_not_and_nothing_has_changed(tmp_path, edits, expected):
    """Invariant 10 (DESIGN)."""
    village = Village(tmp_path)
    village.edit(*edits)
    village.settle()
    before = list(village.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        village.edit(MemberErased("noor"))
    assert before == list(village.community.db.iterdump())


def test_an_account_that_holds_something_is_not_erased(tmp_path):
    """0.5 + 0.125 were credited to noor for what she used of her own and her glass; see above."""
    village = Village(tmp_path)
    village.edit(MemberLeft("noor", LEFT_MS))
    village.settle()
    village.act(Close("2026-06"), "june", now_ms=JULY_MS)
    with pytest.raises(PeopleError, match=r"noor has .* ENERGY"):
        village.edit(MemberErased("noor"))
    village.act(
        Donate("noor", "pool", "ENERGY", village.balance("acc-noor", "ENERGY")),
        "gift",
        now_ms=JULY_MS,
    )
    with pytest.raises(PeopleError, match=r"noor has 0\.125000 WASTE"):
        village.edit(MemberErased("noor"))
    assert 1 == count(village, "person WHERE member = 'noor'")


def test_nobody_is_erased_twice_and_nothing_is_given_to_who_is(village):
    village.erase()
    for edit in (
        MemberErased("noor"),
        CardGiven("0" * 32, "noor"),
        MeterFitted("home", "hall", "E7", "noor", JULY_MS),
        LimitSet("noor", "ENERGY", -5, None, "agreed"),
    ):
        with pytest.raises(PeopleError, match="noor has left and was erased"):
            village.edit(edit)


TAMPERINGS = {
    "a record more": (
        "UPDATE record SET data = x'' WHERE gateway = 'shed' AND seq = 3;"
        "DELETE FROM counter WHERE gateway = 'shed' AND seq = 3;"
        "UPDATE synced SET made_ms = 1781993700000 WHERE gateway = 'shed'",
        "erased records shed",
    ),
    "an edit more": (
        "DELETE FROM opening WHERE CAST(data AS TEXT) LIKE '%\"limit\"%'",
        "the log does not say so .erased edits",
    ),
    "a leaf more": (
        "INSERT INTO erased_leaf SELECT community, idx, x'00' FROM leaf WHERE kind = 'entitlement'"
        " AND body != x'' LIMIT 1; UPDATE leaf SET body = x'', salt = x'' WHERE idx ="
        " (SELECT idx FROM erased_leaf WHERE commitment = x'00')",
        "it is of no member who is|not those that were signed",
    ),
    "another commitment": (
        "UPDATE erased_leaf SET commitment = x'00' WHERE idx = (SELECT min(idx) FROM erased_leaf)",
        "not those that were signed",
    ),
    "what is kept for neighbours": (
        "UPDATE kept SET delta = delta + 1",
        "are shared by the evidence",
    ),
    "how far that is vouched for": ("UPDATE kept SET grade = 'official'", "erased kept noor"),
    "the name is back": (
        "INSERT INTO person VALUES ('straat', 'noor', 'Noor', '')",
        "they are erased, and their name is here",
    ),
    "an amount of theirs": (
        "UPDATE posting SET amount = amount + sign(amount) WHERE booking ="
        " (SELECT min(seq) FROM booking WHERE member = 'noor')",
        "posted was",
    ),
    "the seal": ("DELETE FROM seal WHERE member != ''", "is due by the evidence"),
}


@pytest.mark.parametrize(("statements", "expected"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_whoever_erases_more_or_other_than_the_log_says_is_found(village, statements, expected):
    """Invariant 26 (ledger)."""
    village.erase()
    village.community.db.close()
    tool = sqlite3.connect(village.path)
    for (name,) in tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        tool.execute(f"DROP TRIGGER {name}")
    before = tool.total_changes
    tool.executescript(statements)
    assert tool.total_changes > before
    tool.close()
    village.open()
    with pytest.raises(Differs, match=expected):
        village.check()


def as_after_a_power_cut(folder):
    """Whether noor's name is in the books that start with these files, and in their bytes."""
    village = Village.__new__(Village)
    village.path, village._now_ms = folder / "books.db", JULY_MS
    village.open()
    village.settle()
    village.check()
    found = count(village, "person WHERE member = 'noor'"), b"Noortje" in files(village)
    village.community.db.close()
    return found


def test_an_end_at_any_statement_leaves_all_of_them_or_nothing(village, tmp_path_factory):
    """The files as they are before every fortieth statement. Invariant 2 (DESIGN)."""
    cuts, said = tmp_path_factory.mktemp("cuts"), itertools.count()

    def cut(_):
        number = next(said)
        if number % 40 == 0:
            shutil.copytree(village.path.parent, cuts / f"{number:04}")

    village.community.db.set_trace_callback(cut)
    village.erase()
    found = [as_after_a_power_cut(folder) for folder in sorted(cuts.iterdir())]
    assert {(1, True), (0, False)} == set(found)
    assert sorted(found, reverse=True) == found


def test_an_end_before_the_file_is_written_anew_is_made_up_for_at_the_next_start(
    village, monkeypatch
):
    """The commit stands, and the bytes still lie in the file until the bridge starts again."""
    monkeypatch.setattr(erase, "scrub", lambda db: False)
    village.erase()
    assert b"Noortje" in files(village)
    monkeypatch.undo()
    village.community.db.close()
    village.open()
    assert b"Noortje" not in files(village)
    village.check()


def test_whoever_reads_the_books_meanwhile_holds_the_writing_up_and_not_the_erasing(village):
    reader = sqlite3.connect(village.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM person").fetchall()
    village.erase()
    assert 1 == count(village, "unscrubbed")
    reader.execute("COMMIT")
    assert erase.scrub(village.community.db)
    assert b"Noortje" not in files(village)


def test_without_room_for_a_second_file_the_erasing_stands_and_is_made_up_for_later(village):
    """The disk is full when the file is to be written anew; nobody is told that nothing changed,
    and whoever restarts the bridge meanwhile has a bridge.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as later:
        later.setattr(erase, "scrub", lambda db: False)
        village.erase()
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, hard))
    try:
        village.open()
        assert not erase.scrub(village.community.db)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert 1 == count(village, "unscrubbed")
    assert erase.scrub(village.community.db)
    assert b"Noortje" not in files(village)
    village.check()
