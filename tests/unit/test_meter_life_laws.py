"""Invariant 4 (DESIGN) over whatever a house can live through: no more than the counter gained."""

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger_bridge.books.verify.verify import verify
from tests.house import House, behind, power, stamp
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Street, key

MONTH_MS = 30 * 86_400_000
# Steps of a counter in Wh within a quarter: nothing, little, all that a connection carries.
GAIN_WH = st.sampled_from([0, 1, 300, 15_000])
GAIN_L = st.sampled_from([0, 1, 50])


class Step(NamedTuple):
    """What happens in one quarter-hour of the house."""

    gain_wh: int
    gain_l: int
    event: str


EVENTS = [
    "", "", "", "", "swap", "gas swap", "dip", "spike", "gas dip", "channel", "back to channel 1",
    "meter ahead", "meter behind", "gas ahead", "gas behind", "gas placeholder", "gateway ahead",
    "gateway behind", "restart",
]  # fmt: skip
# A first count of zero and then a long gap may be a new meter; so a life does not begin with a dip
# before a clock that runs ahead. Dips at the beginning are tried below.
STEPS = st.builds(
    lambda first, rest: [first, *rest],
    st.builds(Step, GAIN_WH, GAIN_L, st.sampled_from(["", "swap", "spike", "meter ahead"])),
    st.lists(st.builds(Step, GAIN_WH, GAIN_L, st.sampled_from(EVENTS)), min_size=2, max_size=24),
)


class Life:
    """A house, and what its counters truly are. `gained` is by meter number, in Wh and litres."""

    def __init__(self, folder):
        self.house = House(folder)
        self.gained = {"E0": 0, "G0": 0}
        self._wh, self._litres = 5_000_000, 321_000
        self._meter, self._gas, self._channel = 0, 0, 1
        self._left: list[tuple[int, str, int, str]] = []  # what channels that were left still say

    def live(self, quarter: int, step: Step) -> None:
        now_ms = MIDNIGHT_MS + quarter * QUARTER_MS + 3_000
        self._change(step.event, now_ms)
        self._wh += step.gain_wh
        self._litres += step.gain_l
        self.gained[f"E{self._meter}"] += step.gain_wh
        self.gained[f"G{self._gas}"] += step.gain_l
        off = {"ahead": 3 * MONTH_MS, "behind": -3 * MONTH_MS}
        who, _, way = step.event.rpartition(" ")
        gas_ms = now_ms - 3_000 + (off.get(way, 0) if who in {"gas", "meter"} else 0)
        at = "000101000000W" if step.event == "gas placeholder" else stamp(gas_ms)
        shown = {"dip": 0, "spike": 700_000_000}.get(step.event, self._wh)
        litres = 0 if step.event == "gas dip" else self._litres
        self.house.hear(
            now_ms + (off.get(way, 0) if who == "gateway" else 0),
            *power(f"E{self._meter}", export_1=shown, import_1=shown),
            *(line for left in self._left for line in behind(*left)),
            *behind(self._channel, f"G{self._gas}", litres, at),
            meter_ms=now_ms + (off.get(way, 0) if who in {"gateway", "meter"} else 0),
        )

    def _change(self, event: str, now_ms: int) -> None:
        if event == "swap":
            self._meter += 1
            self.gained[f"E{self._meter}"] = 0
            self._wh = 12
        elif event in {"gas swap", "channel"} and self._channel < 4:
            self._left.append(
                (self._channel, f"G{self._gas}", self._litres, stamp(now_ms - QUARTER_MS))
            )
            self._channel += 1
            if event == "gas swap":
                self._gas += 1
                self.gained[f"G{self._gas}"] = 0
                self._litres = 7
        elif event == "back to channel 1" and self._channel > 1:
            self._left, self._channel = [], 1


def told(steps, folder):
    """A life's records, and what its counters gained since their first telegram."""
    life = Life(folder)
    for quarter, step in enumerate(steps):
        life.live(quarter, step)
        if quarter == 0:
            life.gained = dict.fromkeys(life.gained, 0)
    data = life.house.records()
    life.house.journal.close()
    return data, life.gained


@settings(max_examples=50, deadline=None)
@given(steps=STEPS)
@example([Step(0, 0, "gas dip"), Step(0, 0, ""), Step(0, 0, "")])
@example([Step(0, 0, "dip"), *[Step(300, 0, "")] * 6])
@example([Step(0, 0, "spike"), *[Step(300, 0, "")] * 6])
@example([Step(300, 50, event) for event in EVENTS])
def test_no_meter_is_credited_more_than_it_gained_whatever_it_lives_through(steps):
    with tempfile.TemporaryDirectory() as folder:
        data, gained = told(steps, Path(folder) / "home")
        street = Street(Path(folder) / "books")
        street.take("home", *data)
        db = street.community.db
        for register, serial, total in db.execute(
            "SELECT register, serial, sum(delta) FROM counter GROUP BY register, serial"
        ):
            assert 0 <= total <= gained[serial] * 1000, (register, serial)
        credited_wh = -(-street.balance("acc-noor", "ENERGY") * 3 // 1000)
        assert credited_wh <= sum(n for serial, n in gained.items() if serial[0] == "E")
        verify(db, ID, log_key=key("log").public, progress=str)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_between_two_counts_that_were_believed_no_more_is_credited_than_lies_between_them(steps):
    with tempfile.TemporaryDirectory() as folder:
        data, _ = told(steps, Path(folder) / "home")
        street = Street(Path(folder) / "books")
        street.take("home", *data)
        meters: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for register, serial, value, delta in street.community.db.execute(
            "SELECT register, serial, value, delta FROM counter WHERE verdict IN ('', 'first')"
            " ORDER BY register, serial, at_ms, chain, seq"
        ):
            meters.setdefault((register, serial), []).append((value, delta))
        for rows in meters.values():
            for (before, _), (after, delta) in pairwise(rows):
                assert 0 <= delta <= after - before


@settings(max_examples=30, deadline=None)
@given(steps=STEPS, data=st.data())
def test_lateness_order_and_restarts_change_nothing_in_a_meters_life(steps, data):
    """Invariant 2 (DESIGN), with leaps and dips that lie open when the bridge is started again."""
    with tempfile.TemporaryDirectory() as folder:
        records, _ = told(steps, Path(folder) / "home")
        at_once = Street(Path(folder) / "at once")
        at_once.take("home", *records)
        street = Street(Path(folder) / "in pieces")
        left = data.draw(st.permutations(records))
        while left:
            size = data.draw(st.integers(1, len(left)))
            street.take("home", *left[:size])
            left = left[size:]
            if data.draw(st.booleans()):
                street.community.db.close()
                street.open()
        street.community.settle(NOON_MS)
        counters = "SELECT * FROM counter"
        assert list(at_once.community.db.execute(counters)) == list(
            street.community.db.execute(counters)
        )
        energy = ("acc-noor", "ENERGY")
        assert at_once.balance(*energy) == street.balance(*energy)
        verify(street.community.db, ID, log_key=key("log").public, progress=str)
