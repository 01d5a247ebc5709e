"""The part of `verify` that takes the facts out of the records once more: counters and times.

Chain after chain, gateway after gateway: no more than one gateway's counters are kept in mind.
"""

from collections import defaultdict

from gateway.contract.record import Record
from ledger_bridge.books.facts.counters import Meter
from ledger_bridge.books.facts.evidence import Counter, facts
from ledger_bridge.books.facts.times import Times
from ledger_bridge.books.verify import counters
from ledger_bridge.books.verify.look import Look
from ledger_bridge.books.verify.records import RecordCheck


def records(look: Look) -> None:
    """Every signature and every link; what the chains' heads have passed becomes facts."""
    reading = _Reading(look)
    check = RecordCheck(look)
    check.check(reading.read)
    reading.end()
    look.digests, look.passed = check.digests, check.passed


class _Reading:
    """Reads the records of all chains in their order."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._gateway = ""
        self._counters: dict[Meter, list[Counter]] = defaultdict(list)
        self._times: dict[tuple[str, str], Times] = defaultdict(Times)
        self._seen: set[str] = set()

    def read(self, record: Record) -> None:
        """What the next record of a chain says, and what those say whose time it settles."""
        who = record.identity
        if who.gateway != self._gateway:
            self._end_gateway()
            self._gateway = who.gateway
        for settled in self._times[who.gateway, who.chain].read(record):
            self._tell(settled)

    def _tell(self, record: Record) -> None:
        counted, waste = facts(record)
        for fact in counted:
            self._counters[fact[:4]].append(fact)
        self._look.waste += waste

    def _end_gateway(self) -> None:
        """All is read that this gateway said: its rows are those that follow from it."""
        look, gateway = self._look, self._gateway
        for (name, _), times in self._times.items():
            if name == gateway:
                for one in times.open:
                    self._tell(one.timed())
        if gateway:  # without one, the rows are official figures
            counters.gateway(look, gateway, self._counters)
            self._seen.add(gateway)
        self._counters.clear()

    def end(self) -> None:
        """Nothing is left over, and what the chains tell of unsure times is what is stored."""
        self._end_gateway()
        look = self._look
        for (gateway,) in look.rows("SELECT DISTINCT gateway FROM counter WHERE community = ?"):
            if gateway and gateway not in self._seen:
                counters.gateway(look, gateway, {})
        self._check_times()

    def _check_times(self) -> None:
        synced, unsure, timeless = [], [], []
        for chain, times in self._times.items():
            key = (self._look.community, *chain)
            if times.synced_ms is not None:
                synced.append((*key, times.synced_ms))
            for record, *known in times.open:
                unsure.append((*key, record.identity.seq, *known))
            waited = [(one, 0) for one in times.open if one.is_waited_for()]
            waited += [(one, 1) for one in times.timeless]
            timeless += [(*key, one.record.identity.seq, is_over) for one, is_over in waited]
        self._look.compare("synced", synced)
        self._look.compare("unsure", unsure)
        self._look.compare("clockless", timeless)
        self._look.held += len(timeless)
