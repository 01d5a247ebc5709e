"""How gateways, lines, meters and the bridge fare: what is told once a minute, and is in no books.

What a gateway says of itself nobody signs, so it is read as what anybody may send: what is no exact
number in its range is left out, and of names only those that can be ids, so many of each.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from gateway.contract.clock import QUALITIES
from gateway.contract.record import SEQ_MAX, is_id, milli
from ledger_bridge import verified
from ledger_bridge.books.facts.containers import held_emptyings
from ledger_bridge.books.telling.attested import held_attestations
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.recycling import held_corrections, held_deposits, held_records
from ledger_bridge.gateways import quiet, words
from ledger_bridge.heard import LEAVES
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.counted import METERS, OF_PLACE, elements_of
from ledger_bridge.timeseries.names import account_of
from ledger_bridge.timeseries.schema import BRIDGE, FAULT, GATEWAY, LINE, NONE, SILENCE, line

# A gateway has some ten devices, and a device half as many kinds of fault.
DEVICES_MAX = 64
KINDS_MAX = 16

_MINUTE_MS = 60_000

# Of each chain the record with the greatest number.
_NEWEST = """
    SELECT gateway, stored_ms, data
    FROM chain AS c JOIN record AS r USING (community, gateway, chain)
    WHERE community = ? AND seq = (
        SELECT max(seq) FROM record AS other
        WHERE (other.community, other.gateway, other.chain) = (c.community, c.gateway, c.chain)
    ) ORDER BY stored_ms, arrival
"""

# The newest count of each meter that was ever at a place, up to now.
_COUNTED = f"""{METERS}
    SELECT number, (
        SELECT max(at_ms) FROM counter
        WHERE {OF_PLACE} AND register = code AND serial = number AND at_ms <= :now_ms
    ) FROM meter WHERE number IS NOT NULL
"""


class Figures(NamedTuple):
    """What only the running bridge knows: the fields of BRIDGE by these names."""

    stored: int
    repeated: int
    refused: int
    receipts: int
    behind: int
    quarantined: int
    linked: bool


def minute(reader: Reader, figures: Figures, *, now_ms: int) -> list[str]:
    """GATEWAY, LINE, FAULT, SILENCE and BRIDGE as of now."""
    return [
        *_gateways(reader, is_linked=figures.linked, now_ms=now_ms),
        *_silence(reader, now_ms=now_ms),
        *_bridge(reader, figures, now_ms=now_ms),
    ]


def _gateways(reader: Reader, *, is_linked: bool, now_ms: int) -> Iterator[str]:
    """What gateways last said holds as long as they are there, and the hub can know that."""
    registry, _ = reader.papers()
    said = words(reader.db, reader.community, LEAVES)
    silent, lags = quiet(reader.db, reader.community, now_ms), _lags(reader)
    for gateway in sorted(registry.keys.keys() - _erased(reader, now_ms)):
        state = said["state"].get(gateway) if is_linked else ""
        is_there = state == "online"
        health = said["health"].get(gateway) if is_there else {}
        fields = {
            "online": int(is_there) if state else None,
            "silent": 0 if registry.is_barred(gateway) else silent.get(gateway),
            "lag": lags.get(gateway),
            **{name: read(_in(health, *path)) for name, (path, read) in _HEALTH.items()},
        }
        if told := _told(fields):
            yield line(GATEWAY.key(reader.community, gateway), told, now_ms)
        for device, of_device in _named(_in(health, "devices"), DEVICES_MAX):
            yield from _line(reader.community, gateway, device, of_device, now_ms)


def _erased(reader: Reader, now_ms: int) -> set[str]:
    """Gateways of which nothing is to be told: they served somebody who is erased, and serve nobody
    since.
    """
    registry, _ = reader.papers()
    rows = reader.db.execute(
        "SELECT a FROM changed WHERE community = ? AND kind = 'erased'", (reader.community,)
    )
    serving = {
        gateway
        for (gateway, _), fits in registry.fits.items()
        for fit in fits
        if fit.covers(now_ms) and fit.member not in registry.erased
    }
    return {gateway for (gateway,) in rows} - serving


def _line(community: str, gateway: str, device: str, said: Any, now_ms: int) -> Iterator[str]:
    driver = _in(said, "driver")
    fields = {name: read(_in(said, *path)) for name, (path, read) in _LINE.items()}
    if told := _told(fields):
        name = driver if isinstance(driver, str) and is_id(driver) else NONE
        yield line(LINE.key(community, gateway, device, name), told, now_ms)
    for kind, times in _named(_in(said, "line", "faults"), KINDS_MAX):
        if told := _told({"so_far": _count(times)}):
            yield line(FAULT.key(community, gateway, device, kind), told, now_ms)


def _lags(reader: Reader) -> dict[str, int]:
    """By gateway, how long the newest record was under way, in ms; left out where its gateway had
    no clock, or its bytes are erased.
    """
    lags: dict[str, int] = {}
    for gateway, stored_ms, data in reader.db.execute(_NEWEST, (reader.community,)):
        lags.pop(gateway, None)
        head = elements_of(data)[0] if data else None
        if head and head.bt:
            lags[gateway] = stored_ms - milli(head.bt)
    return lags


def _silence(reader: Reader, *, now_ms: int) -> Iterator[str]:
    """Of whoever has a meter now. Before its first count it is silent since it was fitted, where
    that is known.
    """
    registry, _ = reader.papers()
    since: dict[str, int] = defaultdict(int)
    for (gateway, device), fits in registry.fits.items():
        now = [fit for fit in fits if fit.covers(now_ms)]
        if not now:
            continue
        which = {"community": reader.community, "gateway": gateway, "device": device}
        counted = reader.db.execute(_COUNTED, {**which, "now_ms": now_ms}).fetchall()
        for fit in now:
            account = account_of(registry, fit.member)
            newest = (at_ms for number, at_ms in counted if at_ms and fit.serial in {"", number})
            since[account] = max(since[account], fit.from_ms, *newest)
    for account, since_ms in sorted(since.items()):
        if since_ms and account != NONE:
            minutes = (now_ms - since_ms) // _MINUTE_MS
            yield line(SILENCE.key(reader.community, account), [("minutes", minutes)], now_ms)


def _bridge(reader: Reader, figures: Figures, *, now_ms: int) -> Iterator[str]:
    outcome = verified.last(reader.books)
    fields = {
        **figures._asdict(),
        "linked": int(figures.linked),
        "dirty": reader.number("count(*) FROM dirty"),
        "held": _held(reader),
        "verified": int(not outcome.what) if outcome else None,
        "verify_age": max(0, now_ms - outcome.at_ms) // 1000 if outcome else None,
    }
    yield line(BRIDGE.key(reader.community), _told(fields), now_ms)


def _held(reader: Reader) -> int:
    """How much `meterkast ledger held` lists, and `meterkast hub gateways` of chains."""
    registry, policies = reader.papers()
    here = reader.db, reader.community
    listed = (
        held_deposits(*here, policies=policies),
        held_corrections(*here),
        held_emptyings(*here, registry=registry),
        held_meters(*here),
        held_records(*here),
        held_attestations(*here),
    )
    (chains,) = reader.db.execute(
        "SELECT count(*) FROM chain WHERE community = ? AND held != ''", (reader.community,)
    ).fetchone()
    return sum(map(len, listed)) + int(chains)


# What a gateway may say.


def _in(said: Any, *path: str) -> Any:
    """What is said under these names, None where nothing is."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said


def _named(said: Any, most: int) -> Iterable[tuple[str, Any]]:
    """What is said under names that can be ids, so many at most."""
    some = said.items() if isinstance(said, dict) else ()
    return islice(((name, one) for name, one in some if is_id(name)), most)


def _told(fields: Mapping[str, int | None]) -> list[tuple[str, int]]:
    return [(name, value) for name, value in fields.items() if value is not None]


def _whole(said: Any) -> int | None:
    """A whole number that every program holds exactly."""
    is_one = isinstance(said, int) and not isinstance(said, bool) and abs(said) <= SEQ_MAX
    return said if is_one else None


def _count(said: Any) -> int | None:
    number = _whole(said)
    return number if number is not None and number >= 0 else None


def _times(factor: int) -> Callable[[Any], int | None]:
    """Reads a number that is not negative, so many times; rounded half to even."""

    def read(said: Any) -> int | None:
        if not isinstance(said, int | float) or isinstance(said, bool) or abs(said) > SEQ_MAX:
            return None
        return _count(round(said * factor)) if math.isfinite(said) else None

    return read


def _flag(said: Any) -> int | None:
    return int(said) if isinstance(said, bool) else None


def _rank(said: Any) -> int | None:
    return QUALITIES.index(said) if isinstance(said, str) and said in QUALITIES else None


def _is_up(said: Any) -> int | None:
    return int(said == "ok") if said in ("ok", "silent", "lost") else None


def _length(said: Any) -> int | None:
    return len(said) if isinstance(said, list) else None


# Where in the health topic each field is said, and how it is read.
_HEALTH: Mapping[str, tuple[tuple[str, ...], Callable[[Any], int | None]]] = {
    "pending": (("journal", "pending"), _count),
    "flying": (("link", "in_flight"), _count),
    "overdue": (("link", "overdue_s"), _times(1000)),
    "clock_rank": (("clock",), _rank),
    "clock_bound": (("clock_bound_ms",), _count),
    "disk_free": (("disk_free_bytes",), _count),
    "written_day": (("written_bytes_per_day",), _count),
    "temperature": (("temperature_mc",), _whole),
    "low_voltage": (("under_voltage",), _flag),
    "alarms": (("alarms",), _length),
}
_LINE: Mapping[str, tuple[tuple[str, ...], Callable[[Any], int | None]]] = {
    "up": (("state",), _is_up),
    "heard": (("line", "bytes"), _count),
    "telegrams": (("line", "telegrams"), _count),
    "faults": (("faults",), _count),
    "damaged": (("line", "damaged"), _times(1_000_000)),
    "opened": (("line", "opened"), _count),
}
