"""What a hub asks for again and is gone; chains and keys that begin; and that the sum balances."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.contract import record, rotation, signed
from gateway.contract.keys import SigningKey
from gateway.contract.record import GENESIS, KEY, LOST, QUARTER, Element
from gateway.journal import (
    EVIDENCE,
    KEPT_MS,
    PRIVATE,
    SAMPLES,
    Journal,
    NotKept,
    ReceiptRefused,
    Room,
    Tally,
)
from tests import journals
from tests.journals import at, check_chain, current, digest_of, lost_records, put, reopen

NEW_KEY = SigningKey(bytes(31) + b"1")
LATER_MS = KEPT_MS + 3_600_001


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = reopen(tmp_path)
    yield opened
    opened.close()


def deliver(journal: Journal, chain: str, up_to: int) -> None:
    journal.receipt(chain, up_to, digest_of(journal, chain, up_to))


def pruned(journal: Journal, *, kind: str = EVIDENCE) -> tuple[str, str]:
    """Ten delivered records, of which the first nine went with time; the digest of number 9."""
    chain = put(journal, 9, kind=kind)
    digest = digest_of(journal, chain, 9)
    put(journal, kind=kind, ms=LATER_MS)
    deliver(journal, chain, 10)
    journal.commit(at(LATER_MS + 3_600_000))
    assert current(journal, kind).first == 10
    return chain, digest


@pytest.mark.parametrize("kind", [EVIDENCE, SAMPLES])
def test_a_hub_that_goes_back_behind_what_is_held_is_told_what_is_gone(
    journal: Journal, kind: str
) -> None:
    chain, digest = pruned(journal, kind=kind)
    journal.receipt(chain, 4, "0" * 64)
    assert journal.tally() == Tally(accepted=10, delivered=4, pending=1, expired=5)
    assert journal.is_due(LATER_MS)
    journal.commit(at(LATER_MS))
    assert [(chain, 5, 9, digest, "no-longer-held")] == lost_records(journal)
    (told,) = journal.explaining(chain)
    assert record.parse(told)[1].typ == LOST
    assert journal.tally() == Tally(accepted=11, delivered=4, pending=2, expired=5)
    assert journal.standing().lost == {}


def test_what_is_gone_is_said_once_however_often_a_hub_asks(journal: Journal) -> None:
    chain, _ = pruned(journal)
    for _ in range(3):
        journal.receipt(chain, 4, "0" * 64)
        journal.commit(at(LATER_MS))
        journal.no_longer_held(chain, 5, at(LATER_MS))
        deliver(journal, chain, 10)
    assert len(lost_records(journal)) == 1
    assert journal.tally() == Tally(accepted=11, delivered=5, pending=1, expired=5)


def test_a_hub_that_goes_back_further_is_told_the_rest(journal: Journal) -> None:
    chain, digest = pruned(journal)
    journal.receipt(chain, 4, "0" * 64)
    journal.commit(at(LATER_MS))
    journal.receipt(chain, 2, "0" * 64)
    journal.commit(at(LATER_MS))
    assert [(one.first, one.last, one.digest) for one in lost_records(journal)] == [
        (5, 9, digest),
        (3, 9, digest),  # nobody knows the digest of number 4 any more
    ]
    assert journal.tally() == Tally(accepted=12, delivered=2, pending=3, expired=7)


def test_a_record_of_what_is_lost_that_went_with_time_is_made_anew(journal: Journal) -> None:
    chain, _ = pruned(journal)
    journal.receipt(chain, 4, "0" * 64)
    journal.commit(at(LATER_MS))
    deliver(journal, chain, 11)
    put(journal, ms=2 * LATER_MS)
    deliver(journal, chain, 12)
    journal.commit(at(2 * LATER_MS + 3_600_000))
    assert current(journal).first == 12
    journal.receipt(chain, 6, "0" * 64)
    assert journal.explaining(chain) == []
    journal.commit(at(3 * LATER_MS))
    assert len(journal.explaining(chain)) == 1
    assert [(5, 11)] == [(one.first, one.last) for one in lost_records(journal)]
    assert journal.tally() == Tally(accepted=13, delivered=4, pending=2, expired=7)


def test_a_range_that_is_asked_for_by_name_is_told_to_be_gone(journal: Journal) -> None:
    chain, digest = pruned(journal)
    journal.no_longer_held(chain, 3, at(LATER_MS))
    assert [(chain, 3, 9, digest, "no-longer-held")] == lost_records(journal)
    with pytest.raises(ReceiptRefused, match="no shared chain is called private-"):
        journal.no_longer_held(current(journal, PRIVATE).chain, 1, at(0))


def test_a_receipt_that_differs_from_what_followed_is_refused_although_it_is_gone(
    journal: Journal,
) -> None:
    chain, digest = pruned(journal)
    with pytest.raises(ReceiptRefused, match=f"record 9 of {chain} differs"):
        journal.receipt(chain, 9, "0" * 64)
    assert journal.receipt(chain, 9, digest).receipted == 9


def test_records_without_a_time_go_with_those_after_them(journal: Journal) -> None:
    for ms in (None, 0, None, 0, None):
        moment = at(0) if ms == 0 else at(0)._replace(utc_ms=None)
        journal.append(EVIDENCE, QUARTER, [], moment=moment)
    journal.commit(at(0))
    chain = put(journal, ms=LATER_MS)
    deliver(journal, chain, 6)
    journal.commit(at(LATER_MS + 3_600_000))
    assert current(journal).first == 5  # nobody knows how old it is
    put(journal, ms=2 * LATER_MS + 7_200_000)
    assert current(journal).first == 7


# A chain that begins again


def test_what_an_old_copy_appended_goes_into_a_new_chain_as_it_was_made(journal: Journal) -> None:
    old = put(journal, 2)
    journal.append(EVIDENCE, QUARTER, [Element(n="hall/late")], moment=at(5_000))
    journal.commit(at(5_000))
    deliver(journal, old, 1)
    new = journal.begin_again(EVIDENCE, at(90_000))
    assert new.chain != old
    records = journal.records(new.chain, start=1, limit=9)
    assert check_chain(records) == [1, 2]
    kept = [record.parse(data)[1] for data in records]
    assert [(one.identity.mono_ms, one.elements[0].n) for one in kept] == [
        (0, "hall/x"),
        (5_000, "hall/late"),
    ]
    assert journal.tally() == Tally(accepted=3, delivered=1, pending=2, expired=0)
    assert [chain.chain for chain in journal.chains() if chain.kind == EVIDENCE] == [new.chain]
    assert put(journal) == new.chain


def test_a_chain_that_began_again_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    put(first, 250, kind=SAMPLES)
    new = first.begin_again(SAMPLES, at(0)).chain
    first.close()
    second = reopen(tmp_path)
    assert put(second, kind=SAMPLES) == new
    assert check_chain(second.records(new, start=1, limit=999)) == list(range(1, 252))
    second.close()


def test_samples_that_may_not_leave_any_more_are_not_carried_along(journal: Journal) -> None:
    put(journal, 3, kind=SAMPLES)
    new = journal.begin_again(SAMPLES, at(0), carry=False)
    assert (new.first, new.last) == (1, 0)
    assert journal.tally() == Tally(0, 0, 0, 0)


@pytest.mark.parametrize(("kind", "up_to"), [(EVIDENCE, 0), (SAMPLES, 5)])
def test_what_was_emptied_is_older_than_a_new_chain_of_evidence(
    journal: Journal, kind: str, up_to: int
) -> None:
    journal.beside(
        "INSERT INTO container VALUES (:community, :gateway, 'glass', 'e', 5, NULL, 7, 0, NULL)"
    )
    journal.begin_again(kind, at(0))
    assert [(up_to,)] == journal.ask("SELECT up_to FROM container")


def test_a_key_is_not_handed_over_again_in_the_new_chain(journal: Journal) -> None:
    put(journal)
    journal.renew(NEW_KEY, at(0))
    new = journal.begin_again(EVIDENCE, at(0)).chain
    records = [record.parse(data)[1] for data in journal.records(new, start=1, limit=9)]
    assert [QUARTER] == [one.typ for one in records]
    assert signers(journal, new) == [NEW_KEY.public.kid]


def test_a_hub_may_have_more_of_a_chain_that_ended_than_is_left_here(journal: Journal) -> None:
    old = put(journal, 3)
    deliver(journal, old, 3)
    journal.begin_again(EVIDENCE, at(0))
    assert journal.receipt(old, 9, "f" * 64).receipted == 3
    with pytest.raises(ReceiptRefused, match="has no record 9, the last is 0"):
        journal.receipt(current(journal).chain, 9, "f" * 64)


def test_a_chain_that_cannot_begin_again_goes_on(journal: Journal) -> None:
    old = put(journal, 3)
    journal._disk.db.execute("PRAGMA query_only = ON")
    with pytest.raises(NotKept):
        journal.begin_again(EVIDENCE, at(0))
    journal._disk.db.execute("PRAGMA query_only = OFF")
    assert put(journal) == old
    assert check_chain(journal.records(old, start=1, limit=9)) == [1, 2, 3, 4]


# A new key


def signers(journal: Journal, chain: str) -> list[str]:
    records = journal.records(chain, start=1, limit=99)
    return [signed.parse(data).kid for data in records]


def test_the_old_key_hands_over_in_each_chain_and_the_new_one_signs_after_it(
    journal: Journal,
) -> None:
    evidence, samples = put(journal, 2), put(journal, 1, kind=SAMPLES)
    journal.renew(NEW_KEY, at(0))
    put(journal)
    put(journal, kind=SAMPLES)
    old, new = journals.KEY.public.kid, NEW_KEY.public.kid
    assert signers(journal, evidence) == [old, old, old, new]
    assert signers(journal, samples) == [old, old, new]
    said = record.parse(journal.records(evidence, start=3, limit=1)[0])[1]
    assert said.typ == KEY
    assert rotation.next_key(said, journals.KEY.public).x == NEW_KEY.public.x
    assert rotation.chains_of(said) == [samples]


def test_a_chain_without_a_record_begins_with_the_new_key(journal: Journal) -> None:
    put(journal)
    journal.renew(NEW_KEY, at(0))
    assert journal.tally().accepted == 2
    assert signers(journal, put(journal, kind=SAMPLES)) == [NEW_KEY.public.kid]


def test_a_hand_over_that_cannot_be_kept_did_not_happen(journal: Journal) -> None:
    chain = put(journal)
    journal._disk.db.execute("PRAGMA query_only = ON")
    with pytest.raises(NotKept):
        journal.renew(NEW_KEY, at(0))
    journal._disk.db.execute("PRAGMA query_only = OFF")
    put(journal)
    assert signers(journal, chain) == [journals.KEY.public.kid] * 2


# Whatever happens, in whatever order


class Hub:
    """What a hub holds of each chain: it goes on by links, and jumps over what is lost."""

    def __init__(self) -> None:
        self.heads: dict[str, tuple[int, str]] = {}

    def take(self, journal: Journal, chain: str, limit: int) -> None:
        up_to, digest = self.heads.get(chain, (0, GENESIS))
        for said in lost_records(journal):
            if said.chain == chain and said.first - 1 <= up_to < said.last:
                up_to, digest = said.last, said.digest
        for data in journal.records(chain, start=up_to + 1, limit=limit):
            who = record.parse(data)[1].identity
            if (who.seq, who.prev) != (up_to + 1, digest):
                break
            up_to, digest = who.seq, signed.digest(data)
        self.heads[chain] = (up_to, digest)


class Life(RuleBasedStateMachine):
    """A journal with too little room, under a hub that forgets. Invariant 7 (DESIGN)."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.hub = Hub()
        self.ms = 0
        self.accepted = 0

    @initialize()
    def begin(self) -> None:
        self.open()

    def open(self) -> None:
        limits = Room(max_bytes=5_000_000, free_bytes_min=0)
        self.journal = reopen(Path(self.folder.name), room=limits)
        self.journal._disk.db.execute("PRAGMA synchronous = OFF")  # no power is cut here

    @rule(kind=st.sampled_from([EVIDENCE, SAMPLES, PRIVATE]), count=st.integers(1, 40))
    def keep(self, kind: str, count: int) -> None:
        for _ in range(count):
            pack = [Element(n="hall/x", vs="y" * 3_000)]
            self.journal.append(kind, QUARTER, pack, moment=at(self.ms))
        self.journal.commit(at(self.ms))

    @rule(hours=st.sampled_from([1, 24, 15 * 24]))
    def wait(self, hours: int) -> None:
        self.ms += hours * 3_600_000
        self.journal.commit(at(self.ms))

    @rule(kind=st.sampled_from([EVIDENCE, SAMPLES]), limit=st.integers(1, 60))
    def send(self, kind: str, limit: int) -> None:
        chain = current(self.journal, kind).chain
        self.hub.take(self.journal, chain, limit)
        self.journal.receipt(chain, *self.hub.heads[chain])

    @rule(kind=st.sampled_from([EVIDENCE, SAMPLES]), back=st.integers(1, 60))
    def forget(self, kind: str, back: int) -> None:
        """The hub is restored from a backup; it knows its digests, the journal may not."""
        chain = current(self.journal, kind)
        up_to = max(0, self.hub.heads.get(chain.chain, (0, ""))[0] - back)
        held = self.journal.numbered(chain.chain, start=up_to, limit=1)
        if up_to == 0:
            self.hub.heads[chain.chain] = (0, GENESIS)
        elif held and held[0][0] == up_to:
            self.hub.heads[chain.chain] = (up_to, signed.digest(held[0][1]))
        else:
            self.hub.heads[chain.chain] = (up_to, "")
        self.journal.receipt(chain.chain, *self.hub.heads[chain.chain])
        self.journal.commit(at(self.ms))

    @rule(room_bytes=st.integers(10_000, 300_000))
    def be_short(self, room_bytes: int) -> None:
        """There is suddenly less room, and then as much as before."""
        disk = self.journal._disk
        limits, used = disk.limits, disk.space().used_bytes
        disk.limits = Room(max_bytes=max(1, used - room_bytes), free_bytes_min=0)
        self.journal.commit(at(self.ms))
        disk.limits = limits
        self.journal.commit(at(self.ms))

    @rule(kind=st.sampled_from([EVIDENCE, SAMPLES]))
    def begin_again(self, kind: str) -> None:
        self.journal.begin_again(kind, at(self.ms))

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.open()

    @invariant()
    def the_sum_balances(self) -> None:
        tally = self.journal.tally()
        assert tally.accepted == tally.delivered + tally.pending + tally.expired

    @invariant()
    def what_is_pending_can_be_delivered(self) -> None:
        """A hub that takes what there is comes to the end of every chain."""
        if self.journal.is_due(self.ms):
            self.journal.commit(at(self.ms))
        for chain in self.journal.chains():
            if chain.shared and chain.current:
                there = Hub()
                there.heads = dict(self.hub.heads)
                there.take(self.journal, chain.chain, 10_000)
                for _ in range(3):
                    there.take(self.journal, chain.chain, 10_000)
                assert there.heads[chain.chain][0] == chain.last

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
