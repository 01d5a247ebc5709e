"""What of the books is to be written as time series, brought to the database step by step.

A round writes all that there is to write. When the database has taken a body, the place moves on
in one commit with what follows from it: so whatever ends at any moment, at worst a body is written
twice, which is the same points. What is wrong with the database is raised, and the next round goes
on from the place.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Protocol

import structlog

from ledger_bridge.books.log.stored import epochs
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import bodies
from ledger_bridge.timeseries.bodies import Body
from ledger_bridge.timeseries.bookings import Bookings
from ledger_bridge.timeseries.meanwhile import meanwhile
from ledger_bridge.timeseries.names import fault_of
from ledger_bridge.timeseries.place import QUARANTINE_MAX, Notebook, Place, Told
from ledger_bridge.timeseries.posting import Post, Posted
from ledger_bridge.timeseries.schema import MEASUREMENTS, Written
from ledger_bridge.timeseries.standing import Standing, standing

log = structlog.get_logger()

# What gateways and the bridge say of themselves is put down so often.
MINUTE_MS = 60_000
# What the database cannot take away alone is written anew without it at most so often.
OWED_MS = 86_400_000


class Ended(Exception):
    """The program ends: the round is left where it is."""


class World(Protocol):
    """What of the program around it a sink asks for."""

    def now_ms(self) -> int: ...

    def give_way(self) -> None:
        """Come back when there is time for a piece of work. Raises Ended."""

    def taken(self) -> None:
        """The database took something."""

    def minute(self, standing: Standing, /) -> list[str]:
        """Lines for the bucket of months that are in no books."""


class Sink:
    """The one writer of a database of time series; for one thread at a time.

    `target` tells the database apart from others.
    """

    def __init__(
        self, reader: Reader, notebook: Notebook, post: Post, *, target: str, world: World
    ) -> None:
        self._reader = reader
        self._bookings = Bookings(reader)
        self._notebook = notebook
        self._post = post
        self._target = target
        self._world = world
        self._put_down_ms = -MINUTE_MS
        self._rests: dict[str, float] = {}
        self._is_refusing = notebook.number("quarantine") > 0

    def put_down(self) -> None:
        """Put down what is in no books, once a minute."""
        now_ms = self._world.now_ms()
        if not 0 <= now_ms - self._put_down_ms < MINUTE_MS:
            self._put_down_ms = now_ms
            lines, why = self._minute()
            self._notebook.put(lines)
            self._tell_left_out(self._notebook.note_told([Told("health", why)]))

    def _minute(self) -> tuple[list[str], str]:
        """What is in no books, and what is odd about it, which must not stop all else."""
        try:
            return self._world.minute(standing(self._reader, self._notebook)), ""
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - its edge: it is noted, and told aloud
            return [], fault_of(error)

    def round(self, until: int) -> None:
        """Write all that is known up to the edition `until`, which is complete. Raises Trouble, or
        Ended.
        """
        self.put_down()
        reader, notebook, give_way = self._reader, self._notebook, self._world.give_way
        place = self._begun()
        if "retry" in notebook.asked():
            self._retry()
        place = self._write(place, bodies.of_spool(notebook, place))
        if place.until == place.done < until:
            place = place.turned(until, self._world.now_ms())
        if place.until > place.done:
            place = self._write(place, bodies.of_sheets(reader, notebook, place, give_way))
        place = self._write(place, bodies.of_days(reader, notebook, place, give_way))
        place = self._write(
            place, bodies.of_shared(reader, notebook, place, give_way, rests=self._rests)
        )
        place = self._write(place, bodies.of_bookings(reader, self._bookings, place, give_way))
        self._write(place, bodies.of_samples(reader, place, give_way))

    def _begun(self) -> Place:
        """The place, begun anew where it is in other books, or another database."""
        notebook, now_ms = self._notebook, self._world.now_ms()
        registry, policies = self._reader.papers()
        (schema,) = self._reader.db.execute("PRAGMA user_version").fetchone()
        of = f"{self._reader.community} {registry.epoch} {policies.zone} {schema} {self._target}"
        place = notebook.place
        owed = notebook.owed()
        if place is None or place.of != of:
            why = "other books or another database"
        elif self._is_restored(place):
            why = "these books are older"
        elif "again" in notebook.asked():
            why = "asked for"
        elif owed and not 0 <= now_ms - place.began_ms < OWED_MS:
            why = "the database cannot take away what went"
        else:
            why = ""
        if place is None or why:
            place = Place(of, began_ms=now_ms)
            notebook.begin(place)
            self._tell_refusing()
            log.info("series_begun_anew", why=why)
        if not place.is_clear:
            for one in MEASUREMENTS:
                if one not in bodies.NOT_OF_BOOKS or one.name in owed:
                    self._world.give_way()
                    self._post.database.clear(one, self._reader.community)
            place = place._replace(is_clear=True)
            with notebook.change():
                notebook.paid()
                notebook.move(place)
        leaves, leaf = self._last_leaf()
        return place._replace(leaves=leaves, leaf=leaf)

    def _is_restored(self, place: Place) -> bool:
        """Whether the books are a backup from before the place: they lack what it has seen."""
        (edition,) = self._reader.db.execute("SELECT coalesce(max(n), 1) FROM edition").fetchone()
        return bool(place.until >= edition or self._last_leaf(place.leaves)[1] != place.leaf)

    def _last_leaf(self, leaves: int | None = None) -> tuple[int, str]:
        """How many leaves the log has, or had, and the last of them."""
        log_ = epochs(self._reader.db, self._reader.community)[-1]
        n = log_.size() if leaves is None else leaves
        found = log_.commitments(n - 1, n) if n else []
        return n, found[0].hex() if found else ""

    def _retry(self) -> None:
        """Write what was refused, and see what of it is refused again."""
        some = self._notebook.quarantined(QUARANTINE_MAX)
        years, months = (
            tuple(one.line for one in some if one.bucket == bucket)
            for bucket in ("years", "months")
        )
        refused = self._post.post(Written((), years, months)).refused
        with self._notebook.change():
            self._notebook.release("years", years)
            self._notebook.release("months", months)
            self._notebook.quarantine(refused, now_ms=self._world.now_ms())
            self._notebook.answered("retry")
        self._tell_refusing()

    def _write(self, place: Place, some: Iterator[Body]) -> Place:
        """Post bodies, each while the next is made; gives the place behind the last."""
        under_way: tuple[Body, Future[Posted]] | None = None
        try:
            for body in some:
                if under_way:
                    place = self._settle(place, *under_way)
                under_way = body, meanwhile(partial(self._post.post, body.written))
                self.put_down()
            if under_way:
                place, under_way = self._settle(place, *under_way), None
        finally:
            # Two must never be under way: the older one could be written last.
            if under_way:
                under_way[1].exception()
        return place

    def _settle(self, place: Place, body: Body, posted: Future[Posted]) -> Place:
        """Move on from a place behind a body that is written. Raises Trouble where it is not."""
        written, notebook = body.written, self._notebook
        refused, owed = posted.result()
        if written != Written():
            self._world.taken()
        with notebook.change():
            notebook.forget(written.forget)
            notebook.release("years", written.years)
            notebook.release("months", written.months)
            notebook.quarantine(refused, now_ms=self._world.now_ms())
            if place.done:  # else all that was there is taken away already
                notebook.owe({one.measurement.name for one in owed})
            notebook.note_due(body.due)
            notebook.done_due(body.done)
            left_out = notebook.note_told(body.told)
            notebook.unspool(body.unspooled)
            notebook.move(body.place)
        if any(one.span_ms is None for one in written.forget):
            notebook.scrub()
        if refused or self._is_refusing:
            self._tell_refusing(refused[0].why if refused else "")
        self._tell_left_out(left_out)
        return body.place

    def _tell_left_out(self, some: Iterable[Told]) -> None:
        for what, why in some:
            log.error("series_left_out", what=what, why=why, **{"try": "meterkast hub series"})

    def _tell_refusing(self, why: str = "") -> None:
        """Say once that lines are refused, and once when none is any more."""
        number = self._notebook.number("quarantine")
        if number and not self._is_refusing:
            log.warning("points_refused", points=number, why=why, **{"try": "meterkast hub series"})
        elif self._is_refusing and not number:
            log.info("points_taken")
        self._is_refusing = number > 0
