"""What there is to write from a place on: bodies of lines, each with the place behind it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from ledger_bridge.books.changed import Sheet, sheets
from ledger_bridge.inbox import AHEAD_MAX
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import counts, gone, samples, shares
from ledger_bridge.timeseries.bookings import Bookings
from ledger_bridge.timeseries.names import account_of, fault_of, sheet_of
from ledger_bridge.timeseries.place import Due, Notebook, Place, Told
from ledger_bridge.timeseries.schema import (
    BRIDGE,
    FAULT,
    GATEWAY,
    LINE,
    SAMPLE_QUARTER,
    SILENCE,
    Forget,
    Written,
)
from ledger_bridge.timeseries.waste import waste_sheet

# A body is full with so many lines, a megabyte and a half, or with so much to take away.
LINES_FULL = 10_000
FORGETS_FULL = 100
# What is looked up at once: sheets, members' days, and some thousands of lines of the others.
SHEETS_MAX = 10_000
DAYS_MAX = 1_000
BOOKINGS_MAX = 1_000
RECORDS_MAX = 1_000
# Where a record went, its number may be another's: as many go back as may wait beyond their chain,
# and ten times as many may have come meanwhile.
RECORDS_BACK = 10 * AHEAD_MAX
# A shared day is reckoned as a whole for each count that comes: for so many times as long as that
# takes it is left alone.
SHARED_REST = 9

# What is in no books.
NOT_OF_BOOKS = (SAMPLE_QUARTER, GATEWAY, LINE, FAULT, BRIDGE, SILENCE)

GiveWay = Callable[[], None]


class Body(NamedTuple):
    """What is posted together, and what holds once it is: where all of this is written, what
    follows from it, what of that is done, what is told or left out, and up to which line the spool
    is empty.
    """

    written: Written
    place: Place
    due: tuple[Due, ...] = ()
    done: tuple[Due, ...] = ()
    told: tuple[Told, ...] = ()
    unspooled: int = 0


class _Gathered:
    """What will be the next body."""

    def __init__(self) -> None:
        self._forget: list[Forget] = []
        self._years: list[str] = []
        self._months: list[str] = []
        self.due: dict[tuple[str, str, str], Due] = {}
        self.done: list[Due] = []
        self._told: list[Told] = []

    def add(self, written: Written, *, is_clear: bool = False) -> None:
        """`is_clear`: all that was written of the books before is taken away already."""
        self._forget += (
            one for one in written.forget if not is_clear or one.measurement in NOT_OF_BOOKS
        )
        self._years += written.years
        self._months += written.months

    def is_full(self) -> bool:
        lines = len(self._years) + len(self._months)
        return lines >= LINES_FULL or len(self._forget) >= FORGETS_FULL

    def make_due(self, one: Due) -> None:
        before = self.due.get(one[:3])
        is_gone = one.is_gone or (before is not None and before.is_gone)
        self.due[one[:3]] = one._replace(is_gone=is_gone)

    def take(self, place: Place) -> Body:
        written = Written(tuple(self._forget), tuple(self._years), tuple(self._months))
        due, done, told = tuple(self.due.values()), tuple(self.done), tuple(self._told)
        self._forget, self._years, self._months = [], [], []
        self.due, self.done, self._told = {}, [], []
        return Body(written, place, due, done, told)

    @contextmanager
    def telling(self, reader: Reader, name: str) -> Iterator[None]:
        """All that is read within is of one moment. What is odd is left out: it must not keep all
        that comes after it from being told.
        """
        try:
            with _one_look(reader):
                yield
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a sheet's edge: it is noted, and told aloud
            self._told.append(Told(name, fault_of(error)))
        else:
            self._told.append(Told(name, ""))


def of_spool(notebook: Notebook, place: Place) -> Iterator[Body]:
    """Lines that are in no books."""
    n = 0
    while True:
        lines, n = notebook.spooled(LINES_FULL, after=n)
        if not lines:
            return
        yield Body(Written(months=tuple(lines)), place, unspooled=n)


def of_sheets(
    reader: Reader, notebook: Notebook, place: Place, give_way: GiveWay
) -> Iterator[Body]:
    """Sheets of the books that changed in the editions that the place is in."""
    gathered, is_clear = _Gathered(), place.done == 0
    left_out = notebook.left_out()  # of these nobody knows what of them is written
    arrival_back = max(place.arrival - RECORDS_BACK, 0)
    while some := sheets(
        reader.db, reader.community, after=place.done, beyond=place.key, limit=SHEETS_MAX
    ):
        for sheet in some:
            give_way()
            name = sheet_of(reader.papers()[0], sheet)
            with gathered.telling(reader, name):
                is_gone = sheet.is_gone or name in left_out
                for written in _of_sheet(reader, sheet._replace(is_gone=is_gone)):
                    # Where this is not the end of the sheet, it is not behind the place.
                    if gathered.is_full():
                        yield gathered.take(place)
                    gathered.add(written, is_clear=is_clear)
                for due in _due(reader, sheet):
                    gathered.make_due(due._replace(is_gone=due.is_gone and not is_clear))
            place = place.at(sheet.key)
            if sheet.kind == "gateway":
                place = place._replace(arrival=arrival_back)
            if gathered.is_full():
                yield gathered.take(place)
    yield gathered.take(place.finished())


def of_days(reader: Reader, notebook: Notebook, place: Place, give_way: GiveWay) -> Iterator[Body]:
    """The days of members that are due."""
    gathered, last, left_out = _Gathered(), None, notebook.left_out()
    while some := notebook.due("member", DAYS_MAX, after=last):
        for last in some:
            give_way()
            name = f"day {account_of(reader.papers()[0], last.a)} {last.day}"
            with gathered.telling(reader, name):
                is_gone = last.is_gone or name in left_out
                gathered.add(counts.day_sheet(reader, last.a, last.day, is_gone=is_gone))
            gathered.done.append(last)
            if gathered.is_full():
                yield gathered.take(place)
    if gathered.done:
        yield gathered.take(place)


def of_shared(
    reader: Reader,
    notebook: Notebook,
    place: Place,
    give_way: GiveWay,
    *,
    rests: dict[str, float],
) -> Iterator[Body]:
    """The shared days that are due. `rests` is until when each is left alone."""
    gathered, last, left_out = _Gathered(), None, notebook.left_out()
    now = monotonic()
    for day in [day for day, until in rests.items() if until <= now]:
        del rests[day]
    while some := notebook.due("shared", DAYS_MAX, after=last):
        for last in some:
            if last.day in rests:
                continue
            give_way()
            began = monotonic()
            name = f"shared {last.day}"
            with gathered.telling(reader, name):
                is_gone = last.is_gone or name in left_out
                gathered.add(shares.shared_sheet(reader, last.day, is_gone=is_gone))
            ended = monotonic()
            rests[last.day] = ended + SHARED_REST * (ended - began)
            gathered.done.append(last)
            if gathered.is_full():
                yield gathered.take(place)
    if gathered.done:
        yield gathered.take(place)


def of_bookings(
    reader: Reader, bookings: Bookings, place: Place, give_way: GiveWay
) -> Iterator[Body]:
    while True:
        give_way()
        with _one_look(reader):
            written, last = bookings.read(after=place.booking, limit=BOOKINGS_MAX)
        if last == place.booking:
            return
        place = place._replace(booking=last)
        yield Body(written, place)


def of_samples(reader: Reader, place: Place, give_way: GiveWay) -> Iterator[Body]:
    while True:
        give_way()
        with _one_look(reader):
            newest = reader.arrived()
            written, last = samples.read(reader, after=place.arrival, limit=RECORDS_MAX)
        if last == place.arrival:
            last = max(last, newest)  # records of which nothing is kept
        if last == place.arrival:
            return
        place = place._replace(arrival=last)
        yield Body(written, place)


def _of_sheet(reader: Reader, sheet: Sheet) -> Iterator[Written]:
    match sheet.kind:
        case "account":
            yield gone.account(reader, sheet.a)
        case "erased" | "gateway":
            if sheet.kind == "erased" or not sheet.a:
                yield gone.gateway(reader, sheet.a)
            yield from samples.again(reader, sheet.a)
        case "meter":
            yield counts.meter_sheet(reader, sheet)
        case "waste":
            yield waste_sheet(reader, sheet)


def _due(reader: Reader, sheet: Sheet) -> Iterator[Due]:
    """What is to be written anew because of a sheet."""
    if sheet.kind == "meter":
        for member, day in counts.days_of(reader, sheet):
            yield Due("member", member, day, sheet.is_gone)
    elif sheet.kind == "member":
        yield Due("member", sheet.a, sheet.day, is_gone=True)
    if sheet.kind in {"meter", "member", "shared"}:
        yield Due("shared", "", sheet.day, sheet.is_gone)


@contextmanager
def _one_look(reader: Reader) -> Iterator[None]:
    """All that is read within is of one moment."""
    reader.db.execute("BEGIN")
    try:
        yield
    finally:
        reader.db.execute("COMMIT")
