"""A recycling point whose disk takes nothing: it says so, accepts nothing, and goes on later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.record import DEPOSIT, REFUSAL
from gateway.journal import EVIDENCE, NotKept
from gateway.kiosk.events import Choose, Confirm, Undo
from gateway.quarter import Moment
from tests.journals import current
from tests.kiosk import PIN, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    opened.journal.close()


def block(bench: Bench) -> None:
    bench.journal._disk.db.execute("PRAGMA query_only = ON")


def mend(bench: Bench) -> None:
    """The disk takes again what the gateway tries again."""
    bench.journal._disk.db.execute("PRAGMA query_only = OFF")
    bench.wait(5_000)
    assert bench.journal.is_due(bench.now_ms)
    bench.journal.commit(Moment(bench.utc_ms, bench.now_ms, "synced"))


def states(bench: Bench) -> dict[str, str]:
    return {one.deposit: one.state for one in bench.point.deposits()}


def picture(bench: Bench) -> tuple[str, str]:
    view = bench.point.view()
    return view.screen, view.word


def try_it(bench: Bench) -> None:
    """A whole deposit by card, up to whatever comes of it."""
    bench.weigh(0)
    bench.tap()
    bench.act(Choose("glass"))
    bench.weigh(3_250_000)
    bench.act(Confirm())


def test_a_deposit_that_cannot_be_kept_is_not_accepted_and_the_point_closes(bench: Bench) -> None:
    block(bench)
    try_it(bench)
    assert ("refused", "not_kept") == picture(bench)
    bench.weigh(3_250_000, times=60)
    assert ("closed", "broken") == picture(bench)
    assert "broken" == bench.point.offer().closed
    bench.weigh(0)
    bench.tap()
    assert ("closed", "broken") == picture(bench)
    assert "" == bench.point.view().who
    assert () == bench.point.deposits()


def test_once_it_can_keep_again_the_same_bag_is_accepted_once(bench: Bench) -> None:
    block(bench)
    try_it(bench)
    bench.weigh(3_250_000, times=60)
    mend(bench)
    try_it(bench)
    assert ("slip", "take_off") == picture(bench)
    assert ["1"] == [str(one.identity.seq) for one in bench.records()]
    assert [DEPOSIT] == [one.typ for one in bench.records()]
    (container,) = [one for one in bench.point.containers() if one.fraction == "glass"]
    assert 3_250_000 == container.delivered_mg


def test_what_cannot_be_taken_back_still_counts(bench: Bench) -> None:
    deposit = bench.deposit()
    block(bench)
    bench.act(Undo())
    assert ("slip", "not_undone") == picture(bench)
    mend(bench)
    assert [(deposit, "glass")] == [(one.deposit, one.now) for one in bench.point.deposits()]
    bench.act(Undo())
    assert ("slip", "undone") == picture(bench)


def test_a_refusal_is_not_piled_up_for_a_disk_that_takes_nothing(bench: Bench) -> None:
    block(bench)
    try_it(bench)
    before = len(bench.journal._group.rows)
    bench.weigh(0, times=60)
    bench.fault("over", times=30)
    bench.weigh(0, times=60)
    assert before == len(bench.journal._group.rows)
    mend(bench)
    assert [] == bench.records(REFUSAL)


def test_an_operator_is_told_that_a_correction_was_not_kept(bench: Bench) -> None:
    deposit = bench.deposit()
    bench.point.sign_in(PIN)
    block(bench)
    with pytest.raises(NotKept, match="nothing can be kept: attempt to write a readonly database"):
        bench.point.correct(deposit, fraction="", reason="wet")
    mend(bench)
    assert [(deposit, "glass", "")] == [
        (one.deposit, one.now, one.reason) for one in bench.point.deposits()
    ]
    assert [DEPOSIT] == [one.typ for one in bench.records()]


def test_a_deposit_of_a_chain_that_ended_is_not_taken_for_one_of_the_next(bench: Bench) -> None:
    first = bench.deposit()
    bench.journal._disk.db.execute("UPDATE chain SET current = 0 WHERE kind = 'evidence'")
    bench.power_cut()
    bench.weigh(0, times=200)
    second = bench.deposit(4_000_000)
    new = current(bench.journal)
    bench.journal.receipt(new.chain, 1, new.digest)
    assert {first: "kept", second: "sent"} == states(bench)


def test_what_went_into_another_chain_is_told_as_sent_once_it_is(bench: Bench) -> None:
    """The hub took no more of the chain that the first was receipted in."""
    first = bench.deposit()
    bench.weigh(0, times=200)
    old = current(bench.journal)
    bench.journal.receipt(old.chain, 1, old.digest)
    second = bench.deposit(4_000_000)
    new = bench.journal.begin_again(EVIDENCE, Moment(bench.utc_ms, bench.now_ms, "synced"))
    assert {first: "sent", second: "kept"} == states(bench)
    bench.journal.receipt(new.chain, 1, new.digest)
    assert {first: "sent", second: "sent"} == states(bench)
