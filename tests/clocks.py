"""A house whose clock may be wrong: it lives through true time, and tells what it takes it for.

Three meters hang there: `hall` has a clock (P1), `cellar` has none (SML), `roof` is a contact. The
sun shines from 9 to 17, the same on all three. A card is held before the recycling point.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from drivers.p1 import DEVICE
from drivers.reading import Message, Reading
from gateway.contract.cards import token
from gateway.contract.record import DEPOSIT
from gateway.devices import DeviceNow
from gateway.intake import Intake, moment_of
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk import records as kiosk
from gateway.kiosk.events import Deposit, Weight
from ledger_bridge.books.registry.edits import MeterFitted
from ledger_bridge.books.verify.verify import verify
from tests.house import stamp, telegram
from tests.street import CARD_KEY, ID, POLICY, Street, key

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
UNSET_UNTIL_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, as the gateway has it

RULES = POLICY.replace("2026-06-21", "2026-03-01").replace(
    '"1-0:2.8.1", "1-0:2.8.2"', '"1-0:2.8.0", "1-0:2.8.1"'
)


class Clock:
    """The clock of a machine: true time and how far off it is; `mono` counts from the boot."""

    def __init__(self, true_ms: int) -> None:
        self.true_ms = true_ms
        self.boots = 0
        self.begin()

    def begin(self, *, off_ms: int = 0, is_kept: bool = True) -> None:
        """The machine is switched on."""
        self.boots += 1
        self.boot = f"boot-{self.boots}"
        self._since_ms = self.true_ms - 20_000
        self.off_ms, self.is_kept = off_ms, is_kept

    def utc_ms(self) -> int:
        return self.true_ms + self.off_ms

    def mono_ms(self) -> int:
        return self.true_ms - self._since_ms

    def quality(self) -> str:
        if self.utc_ms() < UNSET_UNTIL_MS:
            return "unset"
        return "synced" if self.is_kept else "held"

    def bound_ms(self) -> int | None:
        return 12 if self.is_kept else None


class Event(NamedTuple):
    """What happens at a true time: `boot` (off by `off_ms`), `set` (by hand), `sync`, `bag`."""

    at_ms: int
    what: str
    off_ms: int = 0


class Life:
    """What a gateway writes down from `from_ms` to `to_ms` of true time, event by event."""

    def __init__(self, folder: Path, *, from_ms: int, step_ms: int = 10 * MINUTE_MS) -> None:
        self._folder, self._step_ms = folder, step_ms
        self.clock = Clock(from_ms)
        self._wh, self._bags = 5_000_000, 0
        self._meter = DEVICE.open({})
        self._open()

    def _open(self) -> None:
        self._journal = Journal.open(
            self._folder, community=ID, gateway="home", key=key("home"), boot=self.clock.boot
        )
        self._intake = Intake(
            self._journal,
            {
                "hall": DeviceNow("p1", talks=True),
                "cellar": DeviceNow("sml", talks=True),
                "roof": DeviceNow("s0", talks=False),
            },
            clock=self.clock,
            samples_shared_since=None,
            point=None,
            real_s=lambda: 0.0,
        )

    def live(self, events: Iterable[Event], *, to_ms: int) -> list[bytes]:
        """The records of evidence, in the order of their chain."""
        left = sorted(events, key=lambda event: event.at_ms)
        while self.clock.true_ms < to_ms:
            while left and left[0].at_ms <= self.clock.true_ms:
                self._happen(left.pop(0))
            self._hear()  # before anybody has looked at the clock
            self._intake.tick()
            self.clock.true_ms += self._step_ms
            if 9 <= int(stamp(self.clock.true_ms)[6:8]) < 17:
                self._wh += 60
        self._intake.finish()
        (chain,) = [c.chain for c in self._journal.chains() if c.kind == EVIDENCE]
        made = self._journal.records(chain, start=1, limit=100_000)
        self._journal.close()
        return made

    def _happen(self, event: Event) -> None:
        if event.what == "boot":
            self._intake.finish()
            self._journal.close()
            self.clock.begin(off_ms=event.off_ms, is_kept=False)
            self._open()
        elif event.what == "set":
            self.clock.off_ms, self.clock.is_kept = event.off_ms, False
        elif event.what == "sync":
            self.clock.off_ms, self.clock.is_kept = 0, True
        else:
            self._bag()

    def _bag(self) -> None:
        self._bags += 1
        moment = moment_of(self.clock)
        given = Deposit(
            fraction="glass",
            card=token("A", CARD_KEY),
            club="",
            net_mg=2_000_000,
            pieces=None,
            weight=Weight(2_000_000, 2_000_000, 0, "yes"),
            times=3,
        )
        made = kiosk.Made(f"bag-{self._bags}", "", 20_000, moment.utc_ms)
        pack = kiosk.deposit(given, made, scale="scale")
        self._journal.append(EVIDENCE, DEPOSIT, pack, moment=moment)
        self._journal.commit(moment)

    def _hear(self) -> None:
        count = f"1-0:2.8.1({self._wh / 1000:010.3f}*kWh)"
        clock = f"0-0:1.0.0({stamp(self.clock.true_ms)})"
        data = telegram("1-3:0.2.8(50)", clock, "0-0:96.1.1(4531)", count)
        for step in self._meter.feed(data):
            assert isinstance(step, Message)
            self._intake.hear("hall", step)
        bare = Reading("1-0:2.8.0", self._wh * 1000, "mWh", None, "C1")
        self._intake.hear("cellar", Message(0, b"\x1b", (bare,)))
        pulses = Reading("1-0:2.8.0", self._wh, "pulse", None, "")
        self._intake.hear("roof", Message(0, b"", (pulses,)))


class Books:
    """The books of a street that has heard such a house."""

    def __init__(self, folder: Path) -> None:
        self.street = Street(folder, policy=RULES)
        self.street.edit(
            MeterFitted("home", "cellar", "", "noor", 0),
            MeterFitted("home", "roof", "", "noor", 0, per_pulse="1/1000 kWh"),
        )

    def days(self) -> list[tuple[str, str, int]]:
        """Per meter and day what is counted, in Wh."""
        return self.street.community.db.execute(
            "SELECT device, day, sum(delta) / CASE unit WHEN 'pulse' THEN 1 ELSE 1000 END"
            " FROM counter GROUP BY device, day HAVING sum(delta) ORDER BY device, day"
        ).fetchall()

    def gained(self) -> dict[str, int]:
        """Per meter what is counted altogether, in Wh."""
        found: dict[str, int] = {}
        for device, _, wh in self.days():
            found[device] = found.get(device, 0) + wh
        return found

    def quarters(self, device: str, from_ms: int, to_ms: int) -> set[int]:
        """The quarter-hours in which a meter has a count that is believed."""
        rows = self.street.community.db.execute(
            "SELECT DISTINCT at_ms / 900000 FROM counter WHERE device = ? AND verdict = ''"
            " AND at_ms >= ? AND at_ms < ?",
            (device, from_ms, to_ms),
        )
        return {quarter for (quarter,) in rows}

    def all(self) -> list[list[tuple[object, ...]]]:
        """All that follows from the records."""
        tables = ("counter", "deposit", "unsure", "clockless", "balance")
        db = self.street.community.db
        return [
            sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables
        ]

    def bags(self) -> list[tuple[str, str, str]]:
        """Each deposit with its local day and minute."""
        rows = self.street.community.db.execute(
            "SELECT id, day, at_ms, verdict FROM deposit ORDER BY id"
        )
        return [(name, day, stamp(at_ms)[6:10]) for name, day, at_ms, _ in rows]

    def credits(self) -> tuple[int, int]:
        return tuple(self.street.balance("acc-noor", asset) for asset in ("ENERGY", "WASTE"))

    def restart(self) -> None:
        self.street.community.db.close()
        self.street.open()

    def check(self) -> None:
        db = self.street.community.db
        verify(db, ID, log_key=key("log").public, progress=str)
