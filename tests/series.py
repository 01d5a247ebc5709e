"""A database of time series as tests have it, and whoever keeps it as the books have them."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger_bridge.books.changed import Sheet, sheets, turn
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries import counts, gone, samples, shares, waste
from ledger_bridge.timeseries.bookings import Bookings
from ledger_bridge.timeseries.schema import MEASUREMENTS, Written
from tests.street import ID, Street

_FIELDS = re.compile(r"(\w+)=(-?\d+)i")


class Point(NamedTuple):
    """What tells a point apart: the name of its measurement, all its tags, its time."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    at_ms: int


def point(line: str) -> tuple[Point, dict[str, int]]:
    """A line taken apart. Tests have no comma, space or equals sign in a tag."""
    key, fields, at_ms = line.split(" ")
    name, *tags = key.split(",")
    measurement = next(one for one in MEASUREMENTS if one.name == name)
    pairs = tuple((tag, value) for tag, _, value in (one.partition("=") for one in tags))
    assert measurement.tags == tuple(tag for tag, _ in pairs)
    assert all(value for _, value in pairs)
    found = {field: int(value) for field, value in _FIELDS.findall(fields)}
    assert ",".join(f"{field}={value}i" for field, value in found.items()) == fields
    assert found.keys() <= measurement.fields.keys()
    return Point(name, pairs, int(at_ms)), found


class Series(dict[Point, dict[str, int]]):
    """Points by what tells them apart, as a database keeps them that merges fields."""

    def write(self, some: Iterable[Written]) -> None:
        for written in some:
            for forget in written.forget:
                tags, span = forget.tags.items(), forget.span_ms
                assert forget.tags.keys() <= set(forget.measurement.tags)
                for one in [
                    one
                    for one in self
                    if one.measurement == forget.measurement.name
                    and tags <= set(one.tags)
                    and (span is None or span[0] <= one.at_ms < span[1])
                ]:
                    del self[one]
            for line in (*written.years, *written.months):
                told, fields = point(line)
                self.setdefault(told, {}).update(fields)

    def of(self, measurement: str, **tags: str) -> dict[int, dict[str, int]]:
        """The points of a measurement that have these tags, by their time: one series."""
        found = [
            (one.at_ms, fields)
            for one, fields in self.items()
            if one.measurement == measurement and tags.items() <= set(one.tags)
        ]
        assert len(found) == len(dict(found)), f"several series of {measurement} with {tags}"
        return dict(sorted(found))


class Follower:
    """Writes what changes in the books, as a sink does."""

    def __init__(self, reader: Reader) -> None:
        self.series = Series()
        self._reader = reader
        self._bookings = Bookings(reader)
        self._edition = self._arrival = self._booking = 0

    def follow(self, *, up_to: int) -> None:
        """Write the sheets of the editions up to this one, the samples that came, and bookings."""
        reader = self._reader
        changed = sheets(reader.db, reader.community, after=self._edition)
        self.series.write(_written(reader, changed))
        self._edition = up_to
        written, self._arrival = samples.read(reader, after=self._arrival, limit=10_000)
        booked, self._booking = self._bookings.read(after=self._booking, limit=10_000)
        self.series.write([written, booked])


def _written(reader: Reader, changed: list[Sheet]) -> Iterator[Written]:
    of_members: dict[tuple[str, str], bool] = {}
    of_days: dict[str, bool] = {}
    for sheet in changed:
        if sheet.kind == "account":
            yield gone.account(reader, sheet.a)
        elif sheet.kind == "erased" or (sheet.kind == "gateway" and not sheet.a):
            yield gone.gateway(reader, sheet.a)
        if sheet.kind == "meter":
            yield counts.meter_sheet(reader, sheet)
            for one in counts.days_of(reader, sheet):
                of_members[one] = of_members.get(one, False) or sheet.is_gone
        elif sheet.kind == "member":
            of_members[sheet.a, sheet.day] = True
        elif sheet.kind == "waste":
            yield waste.waste_sheet(reader, sheet)
        elif sheet.kind in {"erased", "gateway"}:
            yield from samples.again(reader, sheet.a)
        if sheet.kind in {"member", "meter", "shared"}:
            of_days[sheet.day] = of_days.get(sheet.day, False) or sheet.is_gone
    for (member, day), is_gone in of_members.items():
        yield counts.day_sheet(reader, member, day, is_gone=is_gone)
    for day, is_gone in of_days.items():
        yield shares.shared_sheet(reader, day, is_gone=is_gone)


def written_anew(street: Street) -> Series:
    """All that is to be written of a street's books as they are."""
    reader = Reader(street.path, ID)
    one = Follower(reader)
    one.follow(up_to=turn(street.community.db, ID))
    reader.db.close()
    return one.series
