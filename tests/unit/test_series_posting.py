"""How bodies of lines get through to a database that does not take them all at once."""

from collections.abc import Iterable, Sequence

import pytest

from ledger_bridge.timeseries.engines import TooLarge, Trouble, Unwanted
from ledger_bridge.timeseries.place import Refused
from ledger_bridge.timeseries.posting import Post
from ledger_bridge.timeseries.schema import DAY, Bucket, Forget, Measurement, Written

LINES = tuple(f"line {n}" for n in range(8))
GONE = Forget(DAY, {"community": "straat"})


class Picky:
    """Takes bodies of at most `largest` lines and none that is `bad`, and says so in `words`."""

    def __init__(self, *, largest: int = 99, bad: Iterable[str] = (), words: str = "400") -> None:
        self.asked: list[str | int] = []
        self.taken: list[str] = []
        self._largest, self._bad, self._words = largest, set(bad), words

    def write(self, _: Bucket, lines: Sequence[str]) -> None:
        self.asked.append(len(lines))
        if len(lines) > self._largest:
            raise TooLarge("413")
        self.taken += (line for line in lines if line not in self._bad)
        if dropped := len(self._bad.intersection(lines)):
            raise Unwanted(self._words.format(dropped))

    def forget(self, some: Iterable[Forget]) -> list[Forget]:
        self.asked.append("forget")
        return list(some)

    def clear(self, measurement: Measurement, community: str) -> None:
        raise Trouble("away", f"{measurement.name} of {community}")


def test_what_goes_goes_before_anything_is_written() -> None:
    database = Picky()
    posted = Post(database).post(Written((GONE,), LINES[:3], LINES[3:]))
    assert ["forget", 3, 5] == database.asked
    assert [GONE] == posted.owed


@pytest.mark.parametrize(
    "bad", [(), LINES[:1], LINES[-1:], LINES[2:5], LINES], ids=["0", "first", "last", "3", "all"]
)
def test_of_a_body_just_the_bad_lines_are_refused(bad: tuple[str, ...]) -> None:
    database = Picky(bad=bad)
    posted = Post(database).post(Written((), LINES))
    assert [Refused("years", line, "400") for line in bad] == posted.refused
    assert set(LINES) - set(bad) == set(database.taken)


def test_where_all_are_refused_they_are_not_tried_one_by_one() -> None:
    database = Picky(bad=LINES, words="400 partial write: dropped={}")
    posted = Post(database).post(Written((), LINES))
    assert 8 == len(posted.refused)
    assert [8] == [n for n in database.asked if n != "forget"]


def test_lines_too_old_to_be_kept_are_not_refused() -> None:
    database = Picky(bad=LINES[:3], words="400 points beyond retention policy dropped={}")
    assert [] == Post(database).post(Written((), LINES)).refused
    assert 1 == database.asked.count(8)


def test_what_is_too_large_once_is_not_tried_again() -> None:
    database = Picky(largest=3)
    post = Post(database)
    assert [] == post.post(Written((), LINES)).refused
    assert [] == post.post(Written((), LINES)).refused
    sizes = [n for n in database.asked if n != "forget"]
    assert [8, 4, 2, 2, 2, 2, 2, 2, 2, 2] == sizes
    assert [*LINES, *LINES] == database.taken


def test_a_line_that_is_too_large_alone_is_refused() -> None:
    database = Picky(largest=0)
    posted = Post(database).post(Written((), LINES[:2]))
    assert [Refused("years", line, "413") for line in LINES[:2]] == posted.refused
