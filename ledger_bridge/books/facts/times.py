"""When records were made whose gateway had no clock to believe: a later record of its boot tells.

Every record says its boot, the time since it, what time the gateway took it to be, and how good its
clock was. So a record takes its time from the first later one of the same boot whose clock was
better. Where no clock of its boot was synced it was at least not made before the last record that
was made with a synced clock, nor after the next one. What is signed is never re-timed: the time is
worked out anew by whoever reads the chain, and follows from the chain alone. Pure.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from gateway.contract.clock import HELD, METER, QUALITIES, SYNCED, bound_of
from gateway.contract.record import (
    CLOCK,
    CONTAINER,
    CORRECTION,
    DEPOSIT,
    NO_NUMBER,
    QUARTER,
    REFUSAL,
    TEST_WEIGHT,
    Record,
    decimal,
    milli,
)
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts.evidence import facts
from ledger_bridge.books.facts.when import is_instant

RANKS = {quality: rank for rank, quality in enumerate(QUALITIES)}
UNSURE, SURE = min(RANKS.values()), RANKS[SYNCED]

# The kinds that say something about a time.
_TELL = {QUARTER, DEPOSIT, CORRECTION, CONTAINER, REFUSAL, TEST_WEIGHT}
# The kinds that somebody waits for, and that say nothing without a time. What a counter has gained
# is in its next count that has one; corrections have an order.
_WAITED_FOR = {DEPOSIT, CONTAINER, REFUSAL, TEST_WEIGHT}

# A time is changed only where the better clock tells it differently by more than both may be off.
SLACK_MS = 1_000
BY_METER_MS = 60_000
# A gateway that was sure of its clock would have believed a meter's within a quarter-hour of it.
METER_MS_MAX = 900_000
# How far a time that such a clock tells may lie outside what the chain allows.
_BOUND_MS = {UNSURE: SLACK_MS, RANKS[HELD]: SLACK_MS, RANKS[METER]: METER_MS_MAX}


def rank(record: Record) -> int:
    """How far its time is to be believed: `UNSURE` where it has none, `SURE` at best."""
    made_ms = record.identity.made_ms
    if made_ms is None or not is_instant(made_ms):
        return UNSURE
    return RANKS.get(record.identity.clock, UNSURE)


def _slack_ms(record: Record, better: Record) -> int:
    """By how much the two may differ and both be right."""
    if record.identity.clock == METER:
        return METER_MS_MAX
    if better.identity.clock == METER:
        return BY_METER_MS
    bound_ms = bound_of(better) if better.typ == CLOCK else None
    return SLACK_MS + (bound_ms or 0)


def _at(record: Record, made_ms: int) -> Record:
    """A record as if its gateway had known when it was made.

    An element that has the time of the record goes with it; another has a stamp of its own.
    """
    base_ms = record.identity.made_ms or 0
    elements = []
    for one in record.elements:
        try:
            t_ms = milli(one.t) if bytes(one.t) else 0
        except Malformed:
            t_ms = 0
        t = decimal(base_ms + t_ms - made_ms) if t_ms else NO_NUMBER
        elements.append(msgspec.structs.replace(one, t=t))
    return record._replace(identity=record.identity._replace(made_ms=made_ms), elements=elements)


class Made(NamedTuple):
    """A record, when it was made as far as is known, and by how good a clock.

    `not_before_ms` is when the last record before it was made with a synced clock. `is_over`: its
    boot is over, and only a bound may come yet.
    """

    record: Record
    rank: int
    made_ms: int | None
    not_before_ms: int | None
    is_over: bool = False

    def told(self, later: Record) -> "Made | None":
        """The same by the better clock of a later record of its boot; None if that tells none."""
        who, by = self.record.identity, later.identity
        assert by.made_ms is not None
        made_ms = by.made_ms - (by.mono_ms - who.mono_ms)
        if not is_instant(made_ms):
            return None
        said = who.made_ms if rank(self.record) > UNSURE else None
        if said is not None and abs(made_ms - said) <= _slack_ms(self.record, later):
            made_ms = said
        return self._replace(rank=rank(later), made_ms=made_ms).bounded()

    def bounded(self) -> "Made":
        """Not made before what came before it."""
        floor_ms = self.not_before_ms
        if self.rank == SURE or self.made_ms is None or floor_ms is None:
            return self
        is_before = self.made_ms < floor_ms - _BOUND_MS[self.rank]
        return self._replace(made_ms=floor_ms) if is_before else self

    def bounded_by(self, later: Record) -> "Made":
        """Not made after what came after it, with a synced clock in another boot."""
        cap_ms = later.identity.made_ms
        assert cap_ms is not None
        is_after = self.made_ms is not None and self.made_ms > cap_ms + _BOUND_MS[self.rank]
        return self._replace(made_ms=cap_ms) if is_after else self

    def timed(self) -> Record:
        """The record as it is to be read."""
        if self.made_ms is None or self.made_ms == self.record.identity.made_ms:
            return self.record
        return _at(self.record, self.made_ms)

    def is_waited_for(self) -> bool:
        """Whether it says nothing for want of a time, and ought to."""
        return _is_mute(self.timed())


def _is_mute(record: Record) -> bool:
    if record.identity.made_ms is not None or record.typ not in _WAITED_FOR:
        return False
    return not facts(record).waste


def may_be_told(record: Record) -> bool:
    """Whether a later record could tell another time of it."""
    return rank(record) < SURE and record.typ in _TELL


def as_said(record: Record, not_before_ms: int | None) -> Made:
    """A record at the time that it says itself, as far as that can be."""
    said = Made(record, rank(record), record.identity.made_ms, not_before_ms)
    return said.bounded()


class Times:
    """The records of one chain in their order, read to its end."""

    def __init__(self) -> None:
        self._boot = ""
        self._open: dict[int, list[Made]] = {by: [] for by in range(SURE)}
        self._past: list[Made] = []  # of boots that are over
        self.synced_ms: int | None = None  # when the last record was made with a synced clock
        self.timeless: list[Made] = []  # that nothing will tell any more

    @property
    def open(self) -> list[Made]:
        """Those whose time another record may still change."""
        return [*self._past, *(one for some in self._open.values() for one in some)]

    def read(self, record: Record) -> Iterator[Record]:
        """The next record of the chain; gives those whose time is settled by it."""
        if record.identity.boot != self._boot:
            yield from self._end()
            self._boot = record.identity.boot
        by = rank(record)
        for worse in range(by):
            some, self._open[worse] = self._open[worse], []
            for one in some:
                told = one.told(record)
                if told is None:
                    self._open[worse].append(one)
                elif by == SURE:
                    yield told.timed()
                else:
                    self._open[by].append(told)
        if by == SURE:
            yield from (one.bounded_by(record).timed() for one in self._past)
            self._past.clear()
            self.synced_ms = record.identity.made_ms
        if may_be_told(record):
            self._open[by].append(as_said(record, self.synced_ms))
        else:
            yield record

    def _end(self) -> Iterator[Record]:
        for some in self._open.values():
            for one in some:
                if one.made_ms is not None:
                    self._past.append(one._replace(is_over=True))
                    continue
                if one.is_waited_for():
                    self.timeless.append(one)
                yield one.record
            some.clear()
