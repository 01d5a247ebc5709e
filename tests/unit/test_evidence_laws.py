"""What holds of receipts, facts and credits whatever gateways send, in whatever order."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reading import Reading
from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.errors import PeopleError
from gateway.journal import ReceiptRefused, Tally
from ledger_bridge.books import store
from ledger_bridge.books.registry.edits import MeterFitted
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.verify.verify import verify
from tests.journals import digest_of, put, reopen
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key
from tests.unit.test_official import Coop

BEGIN_MS = MIDNIGHT_MS + 40 * QUARTER_MS
# 55,200 W for a quarter-hour and a tenth more are 15,180 Wh; one Wh is granted beyond it.
MOST_WH = 15_181
FULL_WH = 10**9  # six digits before the comma of a count in kWh

few = settings(max_examples=15, deadline=None)


@contextmanager
def new(kind: type[Street], **how: Any) -> Iterator[Street]:
    with tempfile.TemporaryDirectory() as folder:
        street = kind(Path(folder), **how)
        street.community.db.execute("PRAGMA synchronous = OFF")  # here no power fails
        yield street
        street.community.db.close()


# What comes in: records of two chains, some of them false.


class Sent(msgspec.Struct, frozen=True):
    """A delivery: by which gateway's topic, its number in the chain, and whether it is genuine."""

    gateway: str
    seq: int
    data: bytes
    is_genuine: bool


def sent(gains: list[int]) -> list[Sent]:
    """Counts of a meter, a bag for each, and of each a forgery that says more."""
    found, wh = [], 0
    home, point = Chain("home"), Chain("point")
    for n, gain in enumerate(gains):
        wh += gain
        at_ms = BEGIN_MS + n * QUARTER_MS
        for chain, false in ((home, Chain("home")), (point, Chain("point"))):
            false.seq, false.prev, false.key = chain.seq, chain.prev, key("burglar")
            for one in (false, chain):
                made = (
                    one.quarter(at_ms, export_wh=wh + (one is false))
                    if one.gateway == "home"
                    else one.deposit(at_ms, grams=gain + 1, card="AB"[n % 2])
                )
                found.append(Sent(one.gateway, one.seq, made, one is chain))
    return found


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Sent]]:
    """Batches of them, in any order; some come twice and some never."""
    some = sent(draw(st.lists(st.integers(0, 9_000), min_size=2, max_size=6)))
    order = draw(st.permutations(some))
    kept = order[: draw(st.integers(1, len(order)))]
    again = draw(st.lists(st.sampled_from(kept), max_size=4))
    size = draw(st.integers(1, 6))
    flow = [*kept, *again]
    return [flow[n : n + size] for n in range(0, len(flow), size)]


def without_gap(got: set[tuple[str, int]], gateway: str) -> int:
    """Up to which number a gateway's records have all come, by counting."""
    up_to = 0
    while (gateway, up_to + 1) in got:
        up_to += 1
    return up_to


def stored(db: Any, gateway: str) -> dict[int, str]:
    rows = db.execute("SELECT seq, digest FROM record WHERE gateway = ?", (gateway,))
    return dict(rows.fetchall())


def heads_in_the_log(db: Any) -> dict[str, int]:
    """By gateway the last number that the log names."""
    found: dict[str, int] = {}
    for (body,) in db.execute("SELECT body FROM leaf WHERE kind = 'evidence' ORDER BY idx"):
        for gateway, _, up_to, digest in msgspec.json.decode(body)["heads"]:
            assert digest == stored(db, gateway)[up_to]
            assert found.get(gateway, 0) < up_to
            found[gateway] = up_to
    return found


@few
@given(batches=deliveries())
def test_a_receipt_is_of_what_others_can_read_and_the_log_names_it(batches):
    """Invariants 7 and 8 (DESIGN); 9 and 13 (ledger)."""
    with new(Street) as street:
        got: set[tuple[str, int]] = set()
        other = store.open_to_read(street.path)
        for batch in batches:
            flow = [(one.gateway, one.data) for one in batch]
            receipts = street.inbox.take(flow, now_ms=NOON_MS).receipts
            got |= {(one.gateway, one.seq) for one in batch if one.is_genuine}
            for one in receipts:
                there = stored(other, one.gateway)
                assert without_gap(got, one.gateway) == one.up_to
                assert set(range(1, one.up_to + 1)) <= there.keys()
                assert one.hash == there.get(one.up_to, records.GENESIS)
            street.community.settle(NOON_MS)
            gateways = {gateway for gateway, _ in got}
            ends = {gateway: without_gap(got, gateway) for gateway in gateways}
            assert {name: end for name, end in ends.items() if end} == heads_in_the_log(other)
            behind = {name for name, end in ends.items() if max(stored(other, name)) > end}
            assert behind == {gap.gateway for gap in street.inbox.gaps}
        other.close()


RECEIPTS = st.lists(st.tuples(st.integers(-1, 7), st.integers(1, 5)), max_size=8)


@few
@given(receipts=RECEIPTS)
def test_nothing_leaves_a_journal_by_the_digest_of_another_record(receipts):
    """Invariants 7 (DESIGN), 9 (ledger): a hub says up to where it has what; 0 is nothing yet."""
    with tempfile.TemporaryDirectory() as folder:
        journal = reopen(Path(folder))
        chain, delivered = put(journal, 5), 0
        for up_to, whose in receipts:
            try:
                journal.receipt(chain, up_to, digest_of(journal, chain, whose))
            except ReceiptRefused:
                assert up_to not in {0, whose}
            else:
                assert up_to in {0, whose}
                delivered = up_to
            assert Tally(5, delivered, 5 - delivered, 0) == journal.tally()
        journal.close()


# What is credited, and to whom.


@few
@given(batches=deliveries(), taken_over=st.integers(0, 6))
def test_every_credit_leads_to_evidence_by_a_key_and_a_fit_of_its_time(batches, taken_over):
    """Invariant 3 (DESIGN), 10 (ledger): bram takes noor's meter over at some quarter-hour. Each
    credit is what signed records of that member come to, by plain arithmetic.
    """
    since_ms = BEGIN_MS + taken_over * QUARTER_MS
    with new(Street) as street:
        db = street.community.db
        for n, batch in enumerate(batches):
            street.inbox.take([(one.gateway, one.data) for one in batch], now_ms=NOON_MS)
            if n == 0:
                street.edit(MeterFitted("home", "hall", "", "bram", since_ms))
        street.community.settle(NOON_MS)
        mwh = {"noor": 0, "bram": 0}
        for gateway, seq, at_ms, member, delta in db.execute(
            "SELECT gateway, seq, at_ms, member, delta FROM counter WHERE delta > 0"
        ).fetchall():
            (data,) = db.execute(
                "SELECT data FROM record WHERE gateway = ? AND seq = ?", (gateway, seq)
            ).fetchone()
            assert signed.parse(data).by(key("home").public)
            assert ("bram" if at_ms > since_ms else "noor") == member
            mwh[member] += delta
        rows = db.execute("SELECT member, due FROM claim WHERE rule = 'sun' AND due != 0")
        earned = {member: min(n // 3, 20_000_000) for member, n in mwh.items()}
        assert {member: due for member, due in earned.items() if due} == dict(rows.fetchall())
        posted = db.execute(
            "SELECT member, sum(amount) FROM booking b JOIN posting p ON p.booking = b.seq"
            " WHERE rule = 'sun' AND account LIKE 'acc-%' GROUP BY member"
        )
        assert {member: due for member, due in earned.items() if due} == dict(posted.fetchall())


# What a meter can have counted.


@few
@given(before=st.integers(0, 20_000), gain=st.integers(1, 40_000), digits=st.sampled_from([0, 6]))
def test_over_a_roll_over_as_much_is_believed_as_without_one(before, gain, digits):
    """Invariant 12 (ledger): what the connection carries in a quarter-hour and no more, and nothing
    where nobody knows that the count can run full.
    """
    first = FULL_WH - 1 - before
    can_be = gain <= MOST_WH and (digits == 6 or first + gain < FULL_WH)
    with new(Coop, digits=digits) as coop:
        coop.count(first, (first + gain) % FULL_WH)
        assert [0, 1000 * gain * can_be] == [delta for delta, _ in coop.rows()]
        coop.verify()


JUMPS = st.lists(st.sampled_from([0, 1, 9_000, 15_181, 15_182, 500_000]), max_size=8)


@few
@given(gains=JUMPS)
def test_no_stretch_of_time_brings_more_than_the_connection_carries(gains):
    """Invariant 14 (ledger): from any count that was believed to any later one, as nobody approved
    of anything.
    """
    counts = [sum(gains[:n]) for n in range(len(gains) + 1)]
    with new(Coop) as coop:
        coop.count(*counts)
        rows = coop.rows()
    assert len(counts) == len(rows)
    for first in (n for n, (_, verdict) in enumerate(rows) if verdict in {"", "first"}):
        for last in range(first + 1, len(rows)):
            credited = sum(delta for delta, _ in rows[first + 1 : last + 1])
            assert 0 <= credited <= 1000 * MOST_WH * (last - first)


ahead = st.integers(-3, 3).map(lambda n: n * 6 * 60_000)


@few
@given(stamps=st.lists(ahead, min_size=1, max_size=8))
def test_what_is_stamped_ahead_of_its_clock_is_not_believed(stamps):
    """Invariant 13 (ledger): by more than a quarter-hour; the counts after it are as without it."""
    with new(Street) as street:
        home = Chain("home")
        data, believed = [], 0
        for n, off_ms in enumerate(stamps):
            made_ms = BEGIN_MS + n * 4 * QUARTER_MS
            home_data = count_at(home, made_ms + off_ms, made_ms, 100 * n)
            data.append(home_data)
            if off_ms <= QUARTER_MS:
                believed = max(believed, 100 * n)
        street.take("home", *data)
        first = next((100 * n for n, off in enumerate(stamps) if off <= QUARTER_MS), 0)
        total = street.community.db.execute("SELECT coalesce(sum(delta), 0) FROM counter")
        assert (1000 * (believed - first) if believed else 0,) == total.fetchone()
        verify(street.community.db, ID, log_key=key("log").public, progress=str)


def count_at(chain: Chain, at_ms: int, made_ms: int, wh: int) -> bytes:
    """A count stamped then, in a record made at another time."""
    reading = Reading("1-0:2.8.1", wh * 1000, "mWh", at_ms, "E1")
    return chain.record([records.element("hall", reading, base_ms=made_ms)], made_ms=made_ms)


# Parts of one meter in several communities.

PARTS = st.fractions(Fraction(1, 100), Fraction(1), max_denominator=100)


@few
@given(part=PARTS, gains=st.lists(st.integers(0, 5_000), min_size=1, max_size=4))
def test_what_two_communities_credit_of_one_meter_is_what_it_counted(part, gains):
    """Invariant 17 (ledger): each Wh is in one of them; of each sum at most one unit is lost."""
    counts = [sum(gains[:n]) for n in range(len(gains) + 1)]
    credited = []
    for here, there in ((part, 1 - part), (1 - part, part)):
        if here:
            with new(Coop, share=str(here), elsewhere=str(there)) as coop:
                coop.count(*counts)
                credited.append(coop.energy())
    whole = Fraction(1000 * sum(gains), 3)
    assert whole - 2 < sum(credited) <= whole


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return Street(tmp_path_factory.mktemp("street")).community.registry


@given(here=PARTS, there=PARTS)
def test_more_than_the_whole_of_a_meter_is_refused(registry, here, there):
    """Invariant 17 (ledger)."""
    fit = MeterFitted("home", "a", "", "noor", 1, share=str(here), elsewhere=str(there))
    try:
        apply(registry, [fit])
        was_refused = False
    except PeopleError:
        was_refused = True
    assert (here + there > 1) == was_refused
