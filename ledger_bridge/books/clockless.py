"""Records that a recycling point made while it had no clock: when they were made, by a later one.

Within one start of the gateway its monotonic time tells how much earlier. What is signed is never
re-timed: the time is worked out anew by whoever reads the chain, from the first record after it
that has one. Pure.
"""

from collections.abc import Iterator

from gateway.contract.record import CONTAINER, DEPOSIT, REFUSAL, TEST_WEIGHT, Record
from ledger_bridge.books.evidence import Facts, facts

# The kinds that say nothing without a time. Counters have their meter's own, corrections an order.
_NEED_A_TIME = {DEPOSIT, CONTAINER, REFUSAL, TEST_WEIGHT}


def lacks_a_time(record: Record) -> bool:
    """Whether it says nothing for want of a time."""
    if record.identity.made_ms is not None or record.typ not in _NEED_A_TIME:
        return False
    return not facts(record).waste


def timed(record: Record, later: Record) -> Record:
    """A record as if its gateway had known the time that a later one of the same start tells."""
    who, by = record.identity, later.identity
    assert by.made_ms is not None
    made_ms = by.made_ms - (by.mono_ms - who.mono_ms)
    return record._replace(identity=who._replace(made_ms=made_ms))


class Waiting:
    """Of one chain, the records that wait for a time, and those that will never have one."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.over: list[Record] = []

    def read(self, record: Record) -> Iterator[tuple[Record, Facts]]:
        """The next record of the chain: what it says, and what those say that it gives a time.

        Nothing will tell the time of an earlier start.
        """
        if lacks_a_time(record):
            self.records.append(record)
        elif self.records and record.identity.made_ms is not None:
            some, self.records = self.records, []
            for one in some:
                if one.identity.boot == record.identity.boot:
                    yield one, facts(timed(one, record))
                else:
                    self.over.append(one)
        yield record, facts(record)
