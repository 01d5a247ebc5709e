"""Writing to a database what it takes, and telling which lines it does not."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from ledger_bridge.timeseries.engines import TooLarge, Unwanted
from ledger_bridge.timeseries.place import Refused
from ledger_bridge.timeseries.schema import Bucket, Forget, Measurement, Written

# Lines in one body: a tenth of a second of the database's time, a megabyte and a half.
LINES_MAX = 10_000


class Database(Protocol):
    """What `engines.Database` does."""

    def write(self, bucket: Bucket, lines: Sequence[str]) -> None: ...
    def forget(self, some: Iterable[Forget]) -> list[Forget]: ...
    def clear(self, measurement: Measurement, community: str) -> None: ...


class Posted(NamedTuple):
    """What came of it: lines that were refused, and what could not be taken away."""

    refused: list[Refused]
    owed: list[Forget]


class Post:
    """The way to one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lines_max = LINES_MAX

    def post(self, written: Written) -> Posted:
        """Take away, then write. Raises Trouble: then it is to be done again as a whole."""
        owed = self.database.forget(written.forget)
        years = self._put("years", written.years)
        return Posted([*years, *self._put("months", written.months)], owed)

    def _put(self, bucket: Bucket, lines: Sequence[str]) -> list[Refused]:
        """Lines that are refused. Halves of a body tell the good ones from the bad."""
        refused: list[Refused] = []
        waiting = [lines] if lines else []
        while waiting:
            some = waiting.pop()
            if len(some) > self._lines_max:
                waiting += _halves(some)
                continue
            try:
                self.database.write(bucket, some)
            except TooLarge as error:
                if len(some) == 1:
                    refused.append(Refused(bucket, some[0], str(error)))
                else:
                    self._lines_max = len(some) // 2
                    waiting += _halves(some)
            except Unwanted as error:
                if error.is_too_old:  # the others are stored
                    continue
                if error.dropped == len(some) or len(some) == 1:
                    refused += (Refused(bucket, line, error.why) for line in some)
                else:
                    waiting += _halves(some)
        return refused


def _halves(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The second one first: what is taken off the end is written in order."""
    middle = len(lines) // 2
    return lines[middle:], lines[:middle]
