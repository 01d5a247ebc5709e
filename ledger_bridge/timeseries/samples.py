"""What gateways showed more often than by the quarter-hour, of members who consented.

The consent is asked by the gateway, whose owner it is: what it has no consent for never leaves it
(`docs/hub-link.md`), and the hub is told nothing about it. A sample has its time from its meter, or
from the gateway's clock as it was; `clock` says how far to believe that. No record tells another
time of it later.
"""

from collections.abc import Iterator

from gateway.contract import signed
from gateway.contract.record import SAMPLES, Element, milli
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts.when import measured_ms
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.counted import elements_of
from ledger_bridge.timeseries.names import account_of
from ledger_bridge.timeseries.schema import SAMPLE, Forget, Written
from ledger_bridge.timeseries.shown import clock_of, value_of

# With so many lines it is enough at once; a record of 64 KiB may have a thousand.
LINES_ENOUGH = 10_000

# By its number: sought by its community, every record that there is would be read each time.
_AFTER = """
    SELECT arrival, data FROM record NOT INDEXED
    WHERE community = ? AND arrival > ? AND data != x''
    ORDER BY arrival LIMIT ?
"""
_OF_GATEWAY = """
    SELECT data FROM record WHERE community = ? AND gateway = ? AND data != x'' ORDER BY arrival
"""


def read(reader: Reader, *, after: int, limit: int) -> tuple[Written, int]:
    """SAMPLE of so many records that were stored after one, or fewer where these have much to say;
    gives the last one's number too.
    """
    registry, _ = reader.papers()
    lines: list[str] = []
    for arrival, data in reader.db.execute(_AFTER, (reader.community, after, limit)):
        lines += _samples(data, registry)
        after = arrival
        if len(lines) >= LINES_ENOUGH:
            break
    return Written(months=tuple(lines)), after


def again(reader: Reader, gateway: str) -> Iterator[Written]:
    """All samples of a gateway, a sheet of kind "gateway" or "erased": taken away, and those that
    are stored written anew.
    """
    registry, _ = reader.papers()
    yield Written((Forget(SAMPLE, {"community": reader.community, "gateway": gateway}),))
    lines: list[str] = []
    for (data,) in reader.db.execute(_OF_GATEWAY, (reader.community, gateway)):
        lines += _samples(data, registry)
        if len(lines) >= LINES_ENOUGH:
            yield Written(months=tuple(lines))
            lines = []
    yield Written(months=tuple(lines))


def _samples(data: bytes, registry: Registry) -> Iterator[str]:
    if signed.parse(data).typ != SAMPLES:
        return
    head, *elements = elements_of(data)
    made_ms = milli(head.bt) if head.bt else None
    clock = clock_of(head)
    keys: dict[tuple[str, str, str], str] = {}
    for one in elements:
        device, slash, register = one.n.partition("/")
        value, at_ms = value_of(one), _at_ms(made_ms, one)
        if not slash or value is None or at_ms is None:
            continue
        # As for a count: what is shown at the end of a fit is about what it covers.
        fit = registry.fit(head.gateway, device, one.serial, at_ms - 1)
        account = account_of(registry, fit.member if fit else None)
        series = one.n, one.u, account
        if series not in keys:
            tags = head.community, account, head.gateway, device, register, one.u, clock
            keys[series] = SAMPLE.key(*tags)
        yield f"{keys[series]} value={value}i {at_ms}"


def _at_ms(made_ms: int | None, one: Element) -> int | None:
    try:
        return measured_ms(made_ms, one.t)
    except Malformed:
        return None
