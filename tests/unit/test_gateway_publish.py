"""The publisher: whatever the broker loses, doubles or reorders, the hub gets all."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.community.publish import GREETING_S
from gateway.community.window import PATIENCE_S, PATIENCE_S_MAX
from gateway.contract import receipt, record, rotation
from gateway.contract.keys import SigningKey
from gateway.contract.link import LinkDown
from gateway.contract.receipt import Receipt
from gateway.contract.record import LOST, QUARTER
from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, NotKept, Tally
from tests.publisher import BRIDGE, KEY, NOON, ROOT, Bench

NEW = SigningKey(bytes([2]) * 32)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Bench]:
    """The publisher of a member who shares samples."""
    made = Bench(tmp_path, samples=True)
    yield made
    made.journal.close()


def test_no_more_than_the_window_is_under_way(bench: Bench) -> None:
    bench.put(71)
    bench.turn()
    bench.turn()
    assert list(range(1, 65)) == bench.sent()
    bench.answer()
    bench.turn()
    assert list(range(65, 72)) == bench.sent()


def test_what_has_no_receipt_is_asked_after_with_the_first_record_alone(bench: Bench) -> None:
    bench.put(3)
    bench.turn()
    bench.link.records.clear()
    bench.turn(105)
    assert [1] == bench.sent()
    bench.answer()
    bench.turn()
    assert [2, 3] == bench.sent()


def test_a_hub_that_is_back_gets_all_that_waits_after_one_probe(bench: Bench) -> None:
    bench.put(3)
    bench.hub_says(b"offline")
    bench.turn()
    assert [] == bench.sent()
    bench.hub_says(b"online")
    bench.answer()
    bench.turn()
    assert [1, 2, 3] == bench.sent()


def test_a_hub_that_is_away_is_only_probed(bench: Bench) -> None:
    bench.put(9)
    bench.answer()
    bench.hub_says(b"offline")
    for now_s in (100, 101, 104, 106, 107):
        bench.turn(now_s)
    assert [1, 1] == bench.sent()


def test_a_receipt_shows_that_a_hub_is_there_whatever_was_said_of_it(bench: Bench) -> None:
    bench.put(3)
    bench.hub_says(b"offline")
    bench.answer()
    bench.turn()
    assert [1, 2, 3] == bench.sent()
    assert "online" == bench.publisher.standing().hub


def test_to_a_hub_that_never_answered_the_birth_is_said_again(bench: Bench) -> None:
    bench.put(3)
    bench.hub_says(b"offline")
    bench.turn(157.9)
    assert {f"{ROOT}/health", f"{ROOT}/state"} == bench.link.said.keys()
    bench.turn(158)
    assert {f"{ROOT}/health", f"{ROOT}/state", f"{ROOT}/birth"} == bench.link.said.keys()
    assert [] == bench.sent()


def test_that_it_is_there_a_gateway_says_with_each_health(bench: Bench) -> None:
    """Whoever came just after it was said may have missed it."""
    bench.turn(100)
    bench.link.said.clear()
    bench.turn(129.9)
    assert {} == bench.link.said
    bench.turn(130)
    assert b"online" == bench.link.said[f"{ROOT}/state"]


def test_the_hub_has_two_seconds_to_say_how_far_it_is(bench: Bench) -> None:
    bench.put(3)
    bench.come_up(100)
    bench.turn(100)
    bench.turn(101.9)
    assert [] == bench.sent()
    bench.turn(100 + GREETING_S)
    assert [1, 2, 3] == bench.sent()


def test_after_the_hubs_answer_nothing_waits(bench: Bench) -> None:
    bench.put(3)
    bench.come_up(100)
    bench.answer()
    bench.turn(100)
    assert [1, 2, 3] == bench.sent()


def test_evidence_goes_first_and_samples_have_what_it_leaves(sharing: Bench) -> None:
    sharing.put(100, kind=SAMPLES)
    sharing.put(40)
    sharing.turn()
    assert list(range(1, 41)) == sharing.sent()
    assert list(range(1, 25)) == sharing.sent(SAMPLES)
    first = record.parse(sharing.link.records[0])[1].identity
    assert sharing.chain(EVIDENCE).chain == first.chain


def test_new_evidence_does_not_wait_for_a_week_of_samples(sharing: Bench) -> None:
    sharing.put(1000, kind=SAMPLES)
    sharing.turn()
    assert list(range(1, 65)) == sharing.sent(SAMPLES)
    sharing.put(1)
    sharing.turn()
    assert [1] == sharing.sent(EVIDENCE)


def test_samples_go_on_where_evidence_is_held(sharing: Bench) -> None:
    sharing.put(100)
    sharing.put(100, kind=SAMPLES)
    sharing.turn()
    assert list(range(1, 17)) == sharing.sent(SAMPLES)
    sharing.hear(sharing.hub.receipt(sharing.chain().chain, held="two records under number 1"))
    sharing.answer(kind=SAMPLES)
    sharing.turn()
    assert list(range(17, 33)) == sharing.sent(SAMPLES)


def test_what_a_held_chain_has_no_receipt_for_goes_on_in_another(bench: Bench) -> None:
    bench.put(3)
    bench.turn()
    del bench.link.records[1:]
    old = bench.chain().chain
    bench.answer(held="two records under number 2")
    assert Tally(3, 1, 2, 0) == bench.journal.tally()
    bench.turn()
    assert [1, 2] == bench.sent()
    bench.answer()
    assert Tally(3, 3, 0, 0) == bench.journal.tally()
    assert {old: "two records under number 2"} == bench.publisher.standing().held


def test_a_held_chain_is_told_for_as_long_as_the_hub_says_so(bench: Bench) -> None:
    bench.put(1)
    old = bench.chain().chain
    bench.hear(bench.hub.receipt(old, held="two records under number 1"))
    bench.hear(bench.hub.receipt("evidence-of-a-copy", held="record 4 does not follow record 3"))
    assert {
        old: "two records under number 1",
        "evidence-of-a-copy": "record 4 does not follow record 3",
    } == bench.publisher.standing().held
    bench.hear(bench.hub.receipt(old))
    assert ["evidence-of-a-copy"] == [*bench.publisher.standing().held]


def test_a_hub_that_holds_whatever_it_gets_does_not_get_chains_for_ever(bench: Bench) -> None:
    bench.put(2)
    begun = set()
    for _ in range(9):
        begun.add(bench.chain().chain)
        bench.answer(held="two records under number 1")
    assert 1 + 4 == len(begun)
    assert Tally(2, 0, 2, 0) == bench.journal.tally()
    bench.start_again()
    for _ in range(9):
        bench.answer(held="two records under number 1")
    assert bench.chain().chain in begun
    bench.now_s += 24 * 3_600
    bench.answer(held="two records under number 1")
    assert bench.chain().chain not in begun


def test_a_hub_that_always_has_more_than_we_have_does_not_get_chains_for_ever(bench: Bench) -> None:
    bench.put(2)
    for _ in range(9):
        bench.hear(
            receipt.make(Receipt("z", "home", bench.chain().chain, 7, "0" * 64, 0), key=BRIDGE)
        )
    last = bench.chain().chain
    assert f"{last} has no record 7, the last is 2" == bench.publisher.standing().refused
    assert Tally(2, 0, 2, 0) == bench.journal.tally()


def test_on_a_disk_that_takes_nothing_a_held_chain_goes_on_later(bench: Bench, monkeypatch) -> None:
    bench.put(2)
    old = bench.chain().chain
    with monkeypatch.context() as patched:
        patched.setattr(bench.journal, "begin_again", Mock(side_effect=NotKept("full")))
        for _ in range(9):
            bench.answer(held="two records under number 1")
        assert old == bench.chain().chain
    bench.answer(held="two records under number 1")
    assert old != bench.chain().chain
    bench.turn()
    assert [1, 2] == bench.sent()


def test_a_restored_hub_gets_the_old_records_again(bench: Bench) -> None:
    bench.put(5)
    bench.turn()
    bench.answer()
    assert Tally(5, 5, 0, 0) == bench.journal.tally()
    del bench.hub.chains[bench.chain().chain][2:]
    bench.answer()
    assert Tally(5, 2, 3, 0) == bench.journal.tally()
    bench.turn()
    assert [3, 4, 5] == bench.sent()


def test_a_restored_hub_is_told_first_what_is_no_longer_held(bench: Bench) -> None:
    bench.put(200)
    for _ in range(4):
        bench.turn()
        bench.answer()
    bench.journal._disk.db.execute("DELETE FROM record WHERE seq <= 150")
    bench.journal._look_for_firsts()
    del bench.hub.chains[bench.chain().chain]
    bench.answer()
    bench.journal.commit(NOON)
    bench.turn()
    kinds = [record.parse(data)[1].typ for data in bench.link.records]
    assert [LOST, QUARTER] == kinds[:2]
    assert [201, *range(151, 202)] == bench.sent()


def test_an_old_receipt_said_again_has_nothing_sent_again(bench: Bench) -> None:
    bench.put(2)
    old = bench.hub.receipt(bench.chain().chain)
    bench.turn()
    bench.answer()
    bench.hear(old)
    bench.turn()
    assert [] == bench.sent()
    assert Tally(2, 2, 0, 0) == bench.journal.tally()


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda hub, name: hub.receipt(name, key=KEY), id="another key"),
        pytest.param(lambda hub, name: hub.receipt(name, community="other"), id="a neighbour's"),
        pytest.param(lambda hub, name: hub.receipt(name)[:-5] + b"AAAAA", id="signature"),
        pytest.param(lambda hub, name: hub.receipt(name).replace(b":2", b":1", 1), id="number"),
        pytest.param(lambda hub, name: b"nonsense", id="nonsense"),
        pytest.param(lambda hub, name: b"", id="nothing"),
    ],
)
def test_a_forged_receipt_is_counted_and_deletes_nothing(bench: Bench, forge) -> None:
    bench.put(2)
    bench.turn()
    bench.take()
    bench.hear(forge(bench.hub, bench.chain().chain))
    assert 1 == bench.publisher.standing().forged
    assert Tally(2, 0, 2, 0) == bench.journal.tally()


def test_a_receipt_for_other_bytes_than_before_is_told_and_deletes_nothing(bench: Bench) -> None:
    bench.put(2)
    bench.turn()
    bench.answer()
    bench.put(1)
    name = bench.chain().chain
    bench.hear(receipt.make(Receipt("z", "home", name, 2, "0" * 64, 9), key=BRIDGE))
    assert f"record 2 of {name} differs from the hub's" == bench.publisher.standing().refused
    assert Tally(3, 2, 1, 0) == bench.journal.tally()
    bench.turn()
    bench.answer()
    assert "" == bench.publisher.standing().refused


def test_a_hub_that_has_something_else_under_a_number_gets_a_new_chain(bench: Bench) -> None:
    """The journal is a copy of an older one, and has gone on before the hub was heard."""
    bench.put(3)
    old = bench.chain().chain
    bench.hear(receipt.make(Receipt("z", "home", old, 2, "0" * 64, 9), key=BRIDGE))
    bench.turn()
    assert old != bench.chain().chain
    assert [1, 2, 3] == bench.sent()
    assert "" == bench.publisher.standing().refused


def test_a_hub_with_more_of_ours_than_we_have_gets_a_new_chain(bench: Bench) -> None:
    """The journal is a copy of an older one: nothing is said again under a number that is used."""
    bench.put(2)
    old = bench.chain().chain
    bench.hear(receipt.make(Receipt("z", "home", old, 7, "0" * 64, 0), key=BRIDGE))
    assert old != bench.chain().chain
    bench.turn()
    assert [1, 2] == bench.sent()
    assert "" == bench.publisher.standing().refused


def test_once_the_bridge_has_a_new_key_the_old_one_is_not_believed(bench: Bench) -> None:
    bench.put(2)
    bench.turn()
    bench.take()
    bench.publisher._on_message("mk/v1/z/keys", rotation.make("z", old=BRIDGE, new=NEW))
    name = bench.chain().chain
    bench.hear(bench.hub.receipt(name))
    assert Tally(2, 0, 2, 0) == bench.journal.tally()
    bench.hear(bench.hub.receipt(name, key=NEW))
    assert Tally(2, 2, 0, 0) == bench.journal.tally()
    assert 1 == bench.publisher.standing().forged


def test_what_the_broker_kept_from_a_new_key_accuses_nobody(bench: Bench) -> None:
    """It may come by a new link before the word that the key is new."""
    bench.put(2)
    bench.turn()
    bench.take()
    bench.come_up(200)
    bench.hear(bench.hub.receipt(bench.chain().chain, key=NEW))
    assert 0 == bench.publisher.standing().forged
    assert Tally(2, 0, 2, 0) == bench.journal.tally()
    bench.now_s += GREETING_S
    bench.hear(bench.hub.receipt(bench.chain().chain, key=NEW))
    assert 1 == bench.publisher.standing().forged


def test_a_forged_rotation_is_counted(bench: Bench) -> None:
    bench.publisher._on_message("mk/v1/z/keys", b"nonsense")
    assert 1 == bench.publisher.standing().forged


def test_samples_without_consent_are_never_sent(bench: Bench) -> None:
    bench.put(3, kind=PRIVATE)
    bench.put(3, kind=SAMPLES)
    bench.turn()
    assert [] == bench.link.records


def test_private_samples_are_not_sent_with_consent_either(sharing: Bench) -> None:
    sharing.put(3, kind=PRIVATE)
    sharing.turn()
    assert [] == sharing.link.records


def test_what_the_broker_may_have_forgotten_is_said_when_the_link_is_up(bench: Bench) -> None:
    bench.put(1)
    bench.turn()
    bench.answer()
    bench.link.said.clear()
    bench.come_up(101)
    bench.turn()
    assert {f"{ROOT}/state": b"online", f"{ROOT}/birth": b"{}", f"{ROOT}/health": b"{}"} == (
        bench.link.said
    )


def test_what_was_under_way_when_the_link_was_lost_is_asked_after_at_once(bench: Bench) -> None:
    bench.put(3)
    bench.answer()
    bench.turn()
    bench.link.records.clear()
    bench.come_up(100.5)
    bench.turn()
    assert [1] == bench.sent()


def test_what_a_broken_link_refused_goes_later(bench: Bench) -> None:
    bench.put(2)
    bench.answer()
    bench.link.down = True
    with pytest.raises(LinkDown):
        bench.turn()
    bench.link.down = False
    bench.turn(105)
    bench.answer()
    bench.turn()
    assert [2] == bench.sent()


def test_the_standing_tells_what_waits_and_since_when(bench: Bench) -> None:
    bench.put(2)
    bench.turn()
    bench.now_s = 107
    standing = bench.publisher.standing()
    assert (True, "", 7.0, 2, None) == (
        standing.up,
        standing.hub,
        standing.overdue_s,
        standing.in_flight,
        standing.heard_ms,
    )
    bench.answer()
    standing = bench.publisher.standing()
    assert (0.0, 0, 1) == (standing.overdue_s, standing.in_flight, standing.heard_ms)


def test_without_a_link_no_receipt_is_overdue(bench: Bench) -> None:
    bench.put(2)
    bench.turn()
    bench.link.up.clear()
    bench.now_s = 999
    assert 0.0 == bench.publisher.standing().overdue_s


def test_a_range_that_is_asked_for_goes_in_pieces(bench: Bench) -> None:
    bench.put(40)
    bench.turn()
    bench.answer()
    assert "" == bench.publisher.ask(bench.chain().chain, 3, 30)
    bench.turn()
    assert list(range(3, 19)) == bench.sent()
    bench.turn()
    bench.turn()
    assert list(range(3, 31)) == bench.sent()


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        pytest.param(0, 2, "{} has records 1 to 3, and not 0 to 2", id="before the first"),
        pytest.param(4, 9, "{} has records 1 to 3, and not 4 to 9", id="after the last"),
        pytest.param(3, 2, "{} has records 1 to 3, and not 3 to 2", id="backwards"),
    ],
)
def test_a_range_that_is_none_is_refused(bench: Bench, first: int, last: int, why: str) -> None:
    bench.put(3)
    name = bench.chain().chain
    assert why.format(name) == bench.publisher.ask(name, first, last)


@pytest.mark.parametrize("kind", [SAMPLES, PRIVATE])
def test_a_chain_that_does_not_leave_the_house_cannot_be_asked_for(bench: Bench, kind: str) -> None:
    bench.put(3, kind=kind)
    name = bench.chain(kind).chain
    assert f"no chain {name} leaves this house" == bench.publisher.ask(name, 1, 3)
    bench.turn()
    assert [] == bench.link.records


def test_only_so_many_ranges_wait(bench: Bench) -> None:
    bench.put(3)
    name = bench.chain().chain
    assert [""] * 8 + ["8 ranges are still to be sent"] == [
        bench.publisher.ask(name, 1, 1) for _ in range(9)
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(1, 120),
    drops=st.lists(st.booleans(), max_size=200),
    lost_receipts=st.lists(st.booleans(), max_size=10),
)
def test_any_pattern_of_loss_ends_with_everything_once_at_the_hub(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    drops: list[bool],
    lost_receipts: list[bool],
) -> None:
    bench = Bench(tmp_path_factory.mktemp("journal"))
    bench.link.drops = drops
    bench.put(count)
    for _ in range(400):
        bench.turn(bench.now_s + 1)
        bench.take()
        if not (lost_receipts and lost_receipts.pop()):
            bench.answer()
        if not bench.journal.tally().pending:
            break
        bench.now_s += PATIENCE_S_MAX + PATIENCE_S
    at_the_hub = bench.hub.chains[bench.chain().chain]
    assert at_the_hub == bench.journal.records(bench.chain().chain, start=1, limit=10**6)
    assert Tally(count, count, 0, 0) == bench.journal.tally()
    bench.journal.close()
