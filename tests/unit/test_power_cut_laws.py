"""Whatever a gateway does and wherever its power is cut, twice over, its journal keeps its word."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, Room
from tests.journal_life import WIDE, Life, cut, lay, some, troubles, unlinked


class Act(NamedTuple):
    """A method of a life with what it is given, so that a failure prints as it can be repeated."""

    does: str
    arguments: tuple[str | int | bool, ...] = ()


class Plan(NamedTuple):
    """A life, how far into it the power is cut, and how much is left of what was not synced."""

    acts: list[Act]
    how_far: float
    left: float
    seed: int


KINDS = st.sampled_from([EVIDENCE, SAMPLES, PRIVATE])
SHARED = st.sampled_from([EVIDENCE, SAMPLES])
HOURS = st.sampled_from([1, 24, 15 * 24])
ACTS = st.one_of(
    st.builds(Act, st.just("put"), st.tuples(KINDS, st.integers(1, 4), st.booleans())),
    st.builds(Act, st.just("put"), st.tuples(SHARED, st.integers(1, 4), st.just(True))),
    st.builds(Act, st.just("receipt"), st.tuples(SHARED, st.integers(0, 9))),
    st.builds(Act, st.just("later"), st.tuples(HOURS)),
    st.builds(Act, st.just("begin_again"), st.tuples(KINDS)),
    st.builds(Act, st.sampled_from(["deposit", "renew", "restart"]), st.just(())),
)
PLANS = st.builds(
    Plan,
    acts=st.lists(ACTS, min_size=1, max_size=12),
    how_far=st.floats(0, 1),
    left=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 9),
)
ROOMS = st.sampled_from([WIDE, Room(100_000, 0), Room(200_000, 0)])
CHECKPOINTS = st.sampled_from([4, 16, 1_000])


def cut_twice(plans: tuple[Plan, Plan], room: Room, checkpoint_pages: int) -> list[str]:
    """What is wrong after a life that is cut short, and after one that begins with its remains."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        lived, left = Path(made) / "lived", Path(made) / "left"
        files: dict[str, bytes] = {}
        wrong = []
        for plan in plans:
            lay(files, lived)
            life = Life(lived, room=room, checkpoint_pages=checkpoint_pages)
            for act in plan.acts:
                getattr(life, act.does)(*act.arguments)
            life.end()
            point = round(plan.how_far * len(life.disk.operations))
            files = cut(life, point, some(plan.left, f"{plan.seed}"))
            lay(files, left)
            wrong += unlinked(life) + troubles(life, point, left)
    return wrong


@given(plans=st.tuples(PLANS, PLANS), room=ROOMS, checkpoint_pages=CHECKPOINTS)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_a_journal_that_lost_its_power_twice_has_all_that_it_accepted(
    plans: tuple[Plan, Plan], room: Room, checkpoint_pages: int
) -> None:
    assert [] == cut_twice(plans, room, checkpoint_pages)


@pytest.mark.soak
@given(plans=st.tuples(PLANS, PLANS), room=ROOMS, checkpoint_pages=CHECKPOINTS)
@settings(max_examples=20_000, deadline=None)
def test_a_journal_that_lost_its_power_many_times_has_all_that_it_accepted(
    plans: tuple[Plan, Plan], room: Room, checkpoint_pages: int
) -> None:
    assert [] == cut_twice(plans, room, checkpoint_pages)
