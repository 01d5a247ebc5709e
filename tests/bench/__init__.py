"""Ratios against peers and against the limit, measured in the same run: `python -m tests.bench`."""

from typing import NamedTuple


class Ratio(NamedTuple):
    """One measurement: ours and the other's rate, their quotient, and what it has to reach."""

    name: str
    ours_per_s: float
    other_per_s: float
    ratio: float
    goal: float
