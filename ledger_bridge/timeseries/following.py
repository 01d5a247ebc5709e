"""Time series while the bridge runs: round after round in a thread, and what is wrong told once."""

import asyncio
import contextlib
import random
import sqlite3
import threading
from collections.abc import Callable
from functools import partial

import structlog

from gateway.contract.clock import Clock
from gateway.contract.errors import PeopleError
from ledger_bridge.hub import Hub
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import health
from ledger_bridge.timeseries.delivered import Delivered
from ledger_bridge.timeseries.engines import Database, Trouble
from ledger_bridge.timeseries.meanwhile import T, meanwhile
from ledger_bridge.timeseries.names import fault_of
from ledger_bridge.timeseries.place import Away, Notebook
from ledger_bridge.timeseries.posting import Post
from ledger_bridge.timeseries.sink import Ended, Sink
from ledger_bridge.timeseries.standing import Standing

log = structlog.get_logger()

# How often there is something to write.
LOOK_S = 1.0
# A database that is away is tried after a while between nothing and this, which doubles.
BACK_OFF_S, BACK_OFF_S_MAX = 1.0, 300.0
# What somebody must mend is looked at so often.
MENDED_S = 60.0
# The bridge's own work goes first, for so long.
GIVE_WAY_S = 0.1
# A piece of work ends within this, unless the database keeps it.
FAREWELL_S = 1.0

# Trouble that is here: it is over when a whole round is done, not when the database takes a body.
_HERE = {"disk", "broken"}

_JITTER = random.SystemRandom()
_TRY = {
    "away": "see that it runs, has room, and is where series_url says; nothing is lost",
    "token": "put a token that may write and delete into the file that series_token_file names",
    "missing": "make the buckets: meterkast install grafana",
    "full": "make room for the database; nothing is lost",
    "disk": "make room beside the books; nothing is lost",
    "broken": "tell the makers; the bridge goes on without time series",
}


class Following:
    """The task that keeps a database as the books are.

    `turn` gives the edition that is complete now and opens the next: it writes the books, and is
    asked in the event loop. `is_quiet` is set while the bridge has nothing to do.
    """

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        *,
        turn: Callable[[], int],
        delivered: Callable[[], Delivered],
        is_linked: Callable[[], bool],
        is_quiet: threading.Event,
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._turn = turn
        self._delivered = delivered
        self._is_linked = is_linked
        self._is_quiet = is_quiet
        self._is_ending = threading.Event()
        self._reader: Reader | None = None
        self._notebook: Notebook | None = None
        self._sink: Sink | None = None
        self._failures = 0
        self._told = ""

    async def run(self) -> None:
        """Write what is new, for ever."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            if loop.time() >= due_s:
                wait_s = await self._in_thread(partial(self._round, self._turn()))
                due_s = loop.time() + wait_s
            else:
                await self._in_thread(partial(self._round, None))
            await asyncio.sleep(LOOK_S)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do work beside the event loop, and let it end in order where that does not take long."""
        future: asyncio.Future[T] = asyncio.wrap_future(meanwhile(work))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._is_ending.set()
            await asyncio.wait({future}, timeout=FAREWELL_S)
            raise

    def _round(self, until: int | None) -> float:
        """One round, or where `until` is None only what must not wait for one; gives in how many
        seconds the next is due.
        """
        try:
            sink = self._opened()
            if until is None:
                sink.put_down()
                return 0.0
            sink.round(until)
            self._well()
        except Ended:
            pass
        except Trouble as trouble:
            return self._failed(trouble.kind, trouble.why, trouble.after_s)
        except sqlite3.OperationalError as error:
            return self._failed("disk", str(error))
        except PeopleError as error:
            return self._failed("broken", error.problems[0].what, try_=error.problems[0].try_)
        except Exception as error:  # noqa: BLE001 - the task's edge: the bridge does without
            return self._failed("broken", fault_of(error))
        return 0.0

    def _opened(self) -> Sink:
        """The sink; anew after trouble, for the token may be another by now. Raises PeopleError."""
        if self._sink is None:
            target = self._hub.series
            assert target is not None
            if self._reader is None:
                self._reader = Reader(self._hub.books, self._hub.community)
            if self._notebook is None:
                self._notebook = Notebook.for_sink(self._hub.place)
            post = Post(Database(target))
            self._sink = Sink(self._reader, self._notebook, post, target=target.name, world=self)
        return self._sink

    def _failed(self, kind: str, why: str, after_s: float = 0.0, *, try_: str = "") -> float:
        """Tell trouble once, when it has lasted; gives for how long to leave it alone."""
        self._failures += 1
        if kind != "away" or self._failures > 1:
            self._tell(kind, why, try_ or _TRY[kind])
        if kind == "token":
            self._sink = None
        if kind in {"token", "missing"}:
            return MENDED_S
        most = min(BACK_OFF_S * 2.0 ** min(self._failures, 20), BACK_OFF_S_MAX)
        return max(_JITTER.uniform(0.0, most), min(after_s, BACK_OFF_S_MAX))

    def _tell(self, kind: str, why: str, try_: str) -> None:
        if kind == self._told:
            return
        self._told = kind
        log.warning("series_away", why=why, url=self._hub.settings.series_url, **{"try": try_})
        if self._notebook:
            before = self._notebook.away()
            since_ms = before.since_ms if before else self._clock.utc_ms()
            with contextlib.suppress(sqlite3.OperationalError):
                self._notebook.set_away(Away(since_ms, kind, why))

    # What the sink asks of the world.

    def now_ms(self) -> int:
        return self._clock.utc_ms()

    def give_way(self) -> None:
        if self._is_ending.is_set():
            raise Ended
        self._is_quiet.wait(GIVE_WAY_S)

    def taken(self) -> None:
        if self._told not in _HERE:
            self._well()

    def _well(self) -> None:
        assert self._notebook is not None
        self._failures = 0
        self._told = ""
        if away := self._notebook.away():
            self._notebook.set_away(None)
            log.info("series_back", away_s=(self._clock.utc_ms() - away.since_ms) // 1000)

    def minute(self, standing: Standing, /) -> list[str]:
        assert self._reader is not None
        figures = health.Figures(
            **self._delivered()._asdict(),
            behind=standing.behind,
            quarantined=standing.quarantined + standing.left_out,
            linked=self._is_linked(),
        )
        return health.minute(self._reader, figures, now_ms=self.now_ms())
