"""Two gateways from one card: what either accepted is in the books in the end, once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import Tally
from ledger_bridge.books.verify.verify import verify
from tests.copies import Copies
from tests.street import ID, key


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    made = Copies(tmp_path)
    yield made
    verify(made.street.community.db, ID, log_key=key("log").public, progress=str)
    made.close()


def test_both_copies_go_on_in_chains_of_their_own_where_both_spoke_under_one_number(copies):
    first = copies.both[0]
    first.bring()
    copies.settle()
    copies.copy()
    second = copies.both[1]
    for one in (first, second):
        one.bring()
        one.turn()
    copies.take()
    assert ["two records under number 2"] == copies.held()
    for one in (first, second):
        one.bring()
    copies.settle()
    assert ["first-1", "first-2", "first-3", "second-1", "second-2"] == copies.credited()
    assert 3 == len({first.chain().chain, second.chain().chain, *first.publisher.standing().held})
    assert [Tally(3, 3, 0, 0), Tally(3, 3, 0, 0)] == [one.journal.tally() for one in copies.both]


def test_what_neither_had_delivered_when_the_card_was_copied_is_credited_once(copies):
    first = copies.both[0]
    first.bring()
    copies.copy()
    for one in copies.both:
        one.bring()
        one.turn()
    # The record that both have was lost on the way.
    del copies.both[0].link.records[0], copies.both[1].link.records[0]
    copies.take()
    assert ["two records under number 2"] == copies.held()
    copies.settle()
    assert ["first-1", "first-2", "second-1"] == copies.credited()


def test_a_copy_that_comes_after_the_key_changed_is_not_taken(copies):
    first = copies.both[0]
    first.bring()
    copies.settle()
    copies.copy()
    second = copies.both[1]
    first.journal.renew(key("new"), first.moment())
    copies.settle()
    for one in (first, second):
        one.bring()
    copies.settle()
    assert ["first-1", "first-2"] == copies.credited()
    assert ([], 1) == (copies.held(), second.journal.tally().pending)


# The hub takes something now and then: what both say meanwhile forks.
DEEDS = st.sampled_from([*["bring", "turn"] * 4, *["lose", "greet"] * 2, "take"])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    before=st.lists(st.tuples(DEEDS, st.just(0)), max_size=8),
    after=st.lists(st.tuples(DEEDS, st.integers(0, 1)), min_size=12, max_size=24),
)
def test_whatever_happens_all_that_either_accepted_is_credited_once(before, after) -> None:
    with TemporaryDirectory() as folder, closing(Copies(Path(folder))) as copies:
        copies.walk(before)
        copies.copy()
        copies.walk(after)
        copies.settle()
        assert copies.brought() == copies.credited()
        assert [0, 0] == [one.journal.tally().pending for one in copies.both]
        verify(copies.street.community.db, ID, log_key=key("log").public, progress=str)
