"""What the books have beside the counts of a meter: official figures and sight-readings."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.facts.believe import MOVES_ON, amount_of
from ledger_bridge.books.facts.counters import Meter, Sighted
from ledger_bridge.books.quantity import Amount


class Stored:
    """Answers `Beside` out of the tables, with what it found kept in mind until `forget`."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self.forget()

    def forget(self) -> None:
        """The tables have changed otherwise than by new counts."""
        # The end of the last official figure of each point's register; 0 where there is none.
        self._until: dict[tuple[str, str], int] = {}
        self._counts: dict[Meter, bool] = {}
        self._sights: dict[Meter, list[Sighted]] | None = None

    def official(self, point: str, register: str, first: int, last: int) -> tuple[int, int]:
        if first * QUARTER_MS >= self._official_until(point, register):
            return 0, 0
        mwh, number = self._db.execute(
            "SELECT coalesce(sum(delta), 0), count(*) FROM counter WHERE community = ?"
            " AND gateway = '' AND device = ? AND register = ? AND serial = ''"
            " AND at_ms BETWEEN ? AND ? AND verdict = ''",
            (self._community, point, register, (first + 1) * QUARTER_MS, (last + 1) * QUARTER_MS),
        ).fetchone()
        return mwh, number

    def tariffs(self, point: str, total: str, first: int, last: int) -> int:
        (mwh,) = self._db.execute(
            "SELECT coalesce(sum(delta), 0) FROM counter WHERE community = ?"
            " AND gateway = '' AND device = ? AND register > ? AND register < ? AND serial = ''"
            " AND at_ms BETWEEN ? AND ? AND verdict = ''",
            (
                self._community,
                point,
                total,
                f"{total[:-1]}:",
                (first + 1) * QUARTER_MS,
                (last + 1) * QUARTER_MS,
            ),
        ).fetchone()
        assert isinstance(mwh, int)
        return mwh

    def given(self, gateway: str, device: str, first: int, last: int) -> Mapping[str, Amount]:
        found: dict[str, Amount] = defaultdict(int)
        for register, per_pulse, delta in self._db.execute(
            "SELECT register, per_pulse, max(value) - min(value) FROM counter WHERE community = ?"
            " AND gateway = ? AND device = ? AND register GLOB '1-*:2.8.*'"
            f" AND at_ms >= ? AND at_ms < ? AND verdict IN {MOVES_ON}"
            " AND (unit = 'Wh' OR per_pulse != '') GROUP BY register, serial, unit, per_pulse",
            (self._community, gateway, device, first * QUARTER_MS, (last + 2) * QUARTER_MS),
        ):
            found[register] += amount_of(delta, per_pulse)
        return found

    def _official_until(self, point: str, register: str) -> int:
        key = (point, register)
        if key not in self._until:
            (self._until[key],) = self._db.execute(
                "SELECT coalesce(max(at_ms), 0) FROM counter WHERE community = ?"
                " AND gateway = '' AND device = ? AND register = ? AND serial = ''",
                (self._community, *key),
            ).fetchone()
        return self._until[key]

    def counts(self, meter: Meter) -> bool:
        if meter not in self._counts:
            row = self._db.execute(
                "SELECT 1 FROM counter WHERE community = ? AND gateway = ? AND device = ?"
                " AND register = ? AND serial = ? LIMIT 1",
                (self._community, *meter),
            ).fetchone()
            self._counts[meter] = row is not None
        return self._counts[meter]

    def saw(self, meters: Iterable[Meter]) -> None:
        """Meters that have just begun to count."""
        self._counts.update(dict.fromkeys(meters, True))

    def sights(self, meter: Meter) -> Sequence[Sighted]:
        if self._sights is None:
            self._sights = self._load_sights()
        return self._sights.get(meter, ())

    def is_open(self, meter: Meter, believed_ms: int) -> bool:
        """Whether a count after the last believed one may be the first that tells whether a reading
        agrees.
        """
        sights = self.sights(meter)
        return bool(sights) and believed_ms < sights[-1].at_ms + QUARTER_MS

    def _load_sights(self) -> dict[Meter, list[Sighted]]:
        """Of several readings of one register at one time the last paper's is the one."""
        found: dict[Meter, list[Sighted]] = defaultdict(list)
        for *meter, at_ms, paper, value, step in self._db.execute(
            "SELECT gateway, device, register, serial, at_ms, paper, value, step FROM sight"
            " WHERE community = ? ORDER BY gateway, device, register, serial, at_ms, paper",
            (self._community,),
        ):
            some = found[meter[0], meter[1], meter[2], meter[3]]
            if some and some[-1].at_ms == at_ms:
                some.pop()
            some.append(Sighted(at_ms, paper, value, step))
        return dict(found)
