"""Streams that hypothesis thinks of, for every driver file: as atheris does, for a short while."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import CHUNK_MAX, corpus, one_input
from tests.laws.subjects import SUBJECTS, Subject, each_subject

QUIET = list(HealthCheck)


def _inputs(subject: Subject) -> st.SearchStrategy[bytes]:
    """Pieces of the device's own words with any bytes between them, and how to feed them."""
    own = [shown.stream for shown in subject.examples]
    place = st.integers(0, max(map(len, own)))
    piece = st.builds(
        lambda stream, start, stop: stream[start:stop], st.sampled_from(own), place, place
    )
    part = st.one_of(st.sampled_from(own), piece, st.binary(max_size=12))
    head = st.builds(
        lambda size, asked: bytes((size | asked << 6,)), st.integers(0, CHUNK_MAX), st.booleans()
    )
    return st.builds(lambda first, parts: first + b"".join(parts), head, st.lists(part, max_size=8))


@each_subject
@pytest.mark.parametrize("number", [40, pytest.param(5_000, marks=pytest.mark.soak)])
def test_no_stream_breaks_a_driver(subject: Subject, number: int) -> None:
    @settings(max_examples=number, deadline=None, derandomize=True, suppress_health_check=QUIET)
    @given(data=_inputs(subject))
    def hold(data: bytes) -> None:
        one_input(subject, data)

    hold()


@each_subject
def test_a_fuzzer_begins_with_inputs_that_hold(subject: Subject) -> None:
    inputs = corpus(subject)
    assert len(inputs) == 4 * len(subject.examples)
    for data in inputs:
        one_input(subject, data)


def test_every_driver_is_fuzzed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfuzz: {len(SUBJECTS)} subjects")
    assert SUBJECTS
