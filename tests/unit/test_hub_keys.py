"""Keys that change: a key signs its own numbers and no others, whoever has it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import PeopleError
from gateway.contract.record import Element
from gateway.contract.signed import digest
from ledger_bridge import inbox
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import Edits, GatewayAdmitted, GatewayRekeyed
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

SAMPLES = "samples-000000000001"
EVIDENCE = "evidence-000000000001"
NEW = key("the new one")
NEWER = key("the newer one")
HALF_A_CREDIT = 500_000


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def check(street):
    return verify(street.community.db, ID, log_key=key("log").public, progress=str)


def head(street, chain=EVIDENCE):
    row = street.community.db.execute(
        "SELECT up_to, held FROM chain WHERE gateway = 'home' AND chain = ?", (chain,)
    )
    return row.fetchone()


def note(chain: Chain) -> bytes:
    return chain.record([], made_ms=NOON_MS)


def turned() -> list[bytes]:
    """1.5 kWh over two changes of the key: counts are records 1, 3 and 5."""
    home = Chain("home")
    counts = iter((0, 600, 1_500))
    data = [home.quarter(MIDNIGHT_MS, export_wh=next(counts)), home.hand_over(NEW)]
    data += [home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=next(counts)), home.hand_over(NEWER)]
    return [*data, home.quarter(MIDNIGHT_MS + 2 * QUARTER_MS, export_wh=next(counts))]


def test_a_chain_goes_on_under_the_key_that_its_gateway_handed_over_to(street):
    for data in turned():
        assert [] == street.take("home", data).refused
    assert (5, "") == head(street)
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")
    check(street)


def test_one_batch_with_its_changes_of_key_is_believed_in_whichever_order(street):
    delivery = street.take("home", *reversed(turned()))
    assert ([], 5) == (delivery.refused, delivery.stored)
    assert [5] == [receipt.up_to for receipt in delivery.receipts]
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")
    check(street)


def test_a_thousand_changes_of_the_key_in_one_batch_end(street):
    home = Chain("home")
    data = [home.hand_over(key(f"key {n}")) for n in range(1_000)]
    delivery = street.take("home", *reversed(data))
    assert inbox.ROUNDS_MAX == delivery.stored
    check(street)


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_of_arrival_ends_the_same_once_it_is_sent_again(
    tmp_path_factory, chance: random.Random, batches
):
    street = Street(tmp_path_factory.mktemp("books"))
    data = turned() * 2
    chance.shuffle(data)
    for n in range(batches):
        street.take("home", *data[n::batches])
    street.take("home", *turned())  # what was refused has no receipt
    assert (5, "") == head(street)
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")
    check(street)
    street.community.db.close()


def test_it_goes_on_after_a_restart_of_the_bridge(street):
    *before, last = turned()
    street.take("home", *before)
    street.community.db.close()
    street.open()
    assert [] == street.take("home", last).refused
    check(street)


def test_a_change_in_a_batch_that_failed_did_not_come_about(street, monkeypatch):
    first, turn, *_ = turned()
    old = Chain("home")
    ahead = old.record([], made_ms=NOON_MS, seq=9, prev="a" * 64)
    street.take("home", first)
    with monkeypatch.context() as patched:
        patched.setattr(street.community.derivation, "add", None)
        with pytest.raises(TypeError):
            street.take("home", turn, ahead)
    assert [] == street.take("home", ahead).refused
    check(street)


def test_what_a_key_signs_that_is_not_known_yet_is_answered_with_how_far_its_chain_is(street):
    first, _, third, *_ = turned()
    street.take("home", first)
    delivery = street.take("home", third)
    assert [("home", inbox.STRANGE_KEY)] == delivery.refused
    assert [1] == [receipt.up_to for receipt in delivery.receipts]


def test_an_unknown_key_gets_no_answer_about_chains_that_are_not_there(street):
    other = Chain("home")
    other.key = key("burglar")
    assert [] == street.take("home", note(other)).receipts
    assert ((0,),) == tuple(street.community.db.execute("SELECT count(*) FROM chain"))


def test_who_finds_an_old_key_can_put_nothing_after_its_end(street):
    street.take("home", *turned())
    thief = Chain("home")
    later = thief.record([], made_ms=NOON_MS, seq=6, prev="a" * 64)
    assert [("home", inbox.WRONG_KEY)] == street.take("home", later).refused
    other_chain = Chain("home", "evidence-000000000009").record([], made_ms=NOON_MS)
    assert [("home", inbox.WRONG_KEY)] == street.take("home", other_chain).refused
    assert (5, "") == head(street)
    check(street)


def test_who_finds_an_old_key_cannot_stop_a_chain_that_went_on(street):
    street.take("home", *turned())
    twin = Chain("home").quarter(MIDNIGHT_MS, export_wh=7)
    assert [("home", inbox.WRONG_KEY)] == street.take("home", twin).refused
    assert (5, "") == head(street)
    # Under the key in use two records under one number are a fork as ever.
    mine = Chain("home")
    mine.key = NEWER
    fork = mine.record([], made_ms=NOON_MS, seq=5, prev="a" * 64)
    assert [("home", inbox.FORKED)] == street.take("home", fork).refused
    assert (5, "two records under number 5") == head(street)
    check(street)


def test_what_an_old_key_signed_for_later_numbers_goes_although_it_came_first(street):
    first, turn, third, *_ = turned()
    squatter = Chain("home").record([], made_ms=NOON_MS, seq=3, prev="a" * 64)
    street.take("home", first, squatter)
    delivery = street.take("home", turn)
    assert [("home", inbox.WRONG_KEY)] == delivery.refused
    assert [] == street.take("home", third).refused
    assert (3, "") == head(street)
    check(street)


def test_in_one_batch_as_well(street):
    first, turn, third, *_ = turned()
    squatter = Chain("home").record([], made_ms=NOON_MS, seq=3, prev="a" * 64)
    after = Chain("home").record([], made_ms=NOON_MS, seq=4, prev="a" * 64)
    delivery = street.take("home", first, squatter, turn, after, third)
    assert [("home", inbox.WRONG_KEY)] * 2 == delivery.refused
    assert (3, "") == head(street)
    check(street)


def test_a_loss_that_an_old_key_declared_for_later_is_taken_back(street):
    first, turn, *_ = turned()
    thief, samples = Chain("home"), Chain("home", SAMPLES)
    street.take("home", note(samples), first)
    claimed = thief.lost(SAMPLES, 3, 9, "a" * 64, seq=7)
    street.take("home", claimed)
    street.take("home", turn)
    street.take("home", note(samples))
    assert (2, "") == head(street, SAMPLES)
    check(street)


def test_why_a_head_went_on_stays_whatever_key_signed_it(street):
    first, turn, third, *_ = turned()
    old, samples = Chain("home"), Chain("home", SAMPLES)
    street.take("home", note(samples), first)
    street.take("home", old.lost(SAMPLES, 2, 9, "a" * 64, seq=7))
    street.take("home", turn, third)
    assert ((9, ""), (3, "")) == (head(street, SAMPLES), head(street))
    check(street)


def test_a_key_is_nobodys_who_cannot_sign_with_it(street):
    home = Chain("home")
    stolen = [Element(n="key/x", vs=NEW.public.x), Element(n="key/proof", vs="AA")]
    street.take("home", home.record(stolen, made_ms=NOON_MS, typ="mk-key-v1"), note(home))
    assert (2, "") == head(street)
    home.key = NEW
    assert [("home", inbox.STRANGE_KEY)] == street.take("home", note(home)).refused
    check(street)


def test_a_new_chain_begins_under_the_newest_key(street):
    street.take("home", *turned())
    samples = Chain("home", SAMPLES)
    samples.key = NEWER
    assert [] == street.take("home", note(samples), note(samples)).refused
    check(street)


def test_a_chain_that_is_named_in_the_change_began_under_the_old_key(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    before = [note(samples), samples.hand_over(NEW, EVIDENCE), note(samples)]
    street.take("home", home.hand_over(NEW, SAMPLES), note(home))
    assert [] == street.take("home", *before).refused
    assert (3, "") == head(street, SAMPLES)
    check(street)


# A key that is lost.


def rekeyed(street, *chains, new=NEW):
    street.edit(GatewayRekeyed("home", new.public.x, chains))


def test_a_gateway_that_lost_its_key_goes_on_under_another(street):
    old, home = Chain("home"), Chain("home", "evidence-000000000002")
    street.take("home", note(old), note(old))
    rekeyed(street, (EVIDENCE, 3))
    home.key = NEW
    first = home.quarter(MIDNIGHT_MS, export_wh=0)
    last = home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=1_500)
    assert [] == street.take("home", first, last).refused
    assert [("home", inbox.WRONG_KEY)] == street.take("home", note(old)).refused
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")
    street.community.db.close()
    street.open()
    assert [] == street.take("home", home.hand_over(NEWER), note(home)).refused
    check(street)


def test_a_chain_can_go_on_under_the_key_of_the_stewards_word(street):
    home = Chain("home")
    street.take("home", home.hand_over(NEWER), note(home))
    rekeyed(street, (EVIDENCE, 3))
    home.key = NEW
    assert [] == street.take("home", note(home)).refused
    assert (3, "") == head(street)
    check(street)


def test_where_both_name_a_number_the_stewards_word_goes_before(street):
    home = Chain("home")
    street.take("home", home.hand_over(NEWER))
    rekeyed(street, (EVIDENCE, 2))
    assert [("home", inbox.WRONG_KEY)] == street.take("home", note(home)).refused
    check(street)


REFUSED = {
    "under the old key": (GatewayRekeyed("home", NEW.public.x, ((EVIDENCE, 2),)), "up to 2"),
    "a chain left out": (GatewayRekeyed("home", NEW.public.x, ()), "up to 2"),
    "its own key": (GatewayRekeyed("home", key("home").public.x, ((EVIDENCE, 3),)), "before"),
    "no key": (GatewayRekeyed("home", "AA", ((EVIDENCE, 3),)), "no Ed25519 key"),
    "nobody": (GatewayRekeyed("shed", NEW.public.x, ()), "no gateway 'shed'"),
    "number 0": (GatewayRekeyed("home", NEW.public.x, ((EVIDENCE, 0),)), "begin with 1"),
    "admitted anew": (GatewayAdmitted("home", NEW.public.x), "hub rekey home="),
}


@pytest.mark.parametrize(("edit", "said"), REFUSED.values(), ids=REFUSED)
def test_another_key_that_does_not_fit_is_refused_with_its_reason(street, edit, said):
    old = Chain("home")
    street.take("home", note(old), note(old))
    with pytest.raises(PeopleError, match=said):
        street.edit(edit)
    assert [] == street.take("home", note(old)).refused


TAMPERINGS = {
    "a change of the key is left out": "DELETE FROM rotated WHERE seq = 2",
    "a change of the key is moved": "UPDATE rotated SET seq = 3 WHERE seq = 2",
    "another key": f"UPDATE rotated SET new = '{key('burglar').public.x}' WHERE seq = 4",
    "the key that it began with": f"UPDATE chain SET key = '{key('burglar').public.x}'",
    "a later key at its beginning": f"UPDATE chain SET key = '{NEW.public.x}'",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_verify_follows_the_keys_by_the_records_alone(street, statement):
    street.take("home", *turned())
    check(street)
    street.community.db.execute(statement)
    with pytest.raises(Differs):
        check(street)


def test_what_is_no_evidence_yet_is_looked_at_as_well(street):
    """A record beyond a gap, changed by whoever writes into the books."""
    home = Chain("home")
    ahead = home.record([], made_ms=NOON_MS, seq=5, prev="a" * 64)
    street.take("home", note(home), ahead)
    check(street)
    db = street.community.db
    db.execute("DROP TRIGGER record_stays")
    home.key = key("burglar")
    forged = home.record([], made_ms=NOON_MS, seq=5, prev="a" * 64)
    db.execute("UPDATE record SET data = ?, digest = ? WHERE seq = 5", (forged, digest(forged)))
    with pytest.raises(Differs, match="its signature is not its gateway's"):
        check(street)
    db.execute("UPDATE record SET data = ? WHERE seq = 5", (ahead,))
    with pytest.raises(Differs, match="its digest is not that of its bytes"):
        check(street)


def test_a_chain_of_a_stranger_with_keys_of_its_own_is_named(street):
    """Whoever writes into the books signs a chain with a key that nobody admitted."""
    street.take("home", *turned())
    stranger = Chain("home", SAMPLES)
    stranger.key = key("burglar")
    data = note(stranger)
    db = street.community.db
    db.execute(
        "INSERT INTO chain VALUES (?, 'home', ?, 1, ?, '', 0, ?)",
        (ID, SAMPLES, stranger.prev, stranger.key.public.x),
    )
    db.execute(
        "INSERT INTO record VALUES (NULL, ?, 'home', ?, 1, ?, ?, 1)",
        (ID, SAMPLES, stranger.prev, data),
    )
    with pytest.raises(Differs, match="it began under a key of somebody else"):
        check(street)


def test_edits_about_keys_are_read_back_as_they_were_signed(street):
    rekeyed(street)
    *_, document = registries.stored(street.community.db, ID)
    edits = registries.opened(document, street.community.registry)
    assert Edits(ID, edits.time_ms, (GatewayRekeyed("home", NEW.public.x, ()),)) == edits
