"""How the gateways fare, as the hub sees it: for a table, for JSON, and for alarms in the log."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import structlog

from gateway.contract.command import Command
from ledger_bridge import orders
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.gaps import gaps
from ledger_bridge.heard import LEAVES
from ledger_bridge.inbox import FORKED, HELD

log = structlog.get_logger()

Json = dict[str, Any]

_MINUTE_MS = 60_000
# Somebody has to carry a new certificate to the broker: so long before it ends they are told.
BROKER_MS = 60 * 24 * 3_600_000
# A gateway makes evidence every quarter-hour: after this long without any something is wrong.
SILENT_MIN = 45
# Of a chain so many missing ranges are told, and so many lost ones, the newest.
RANGES_MAX = 50
# Of a gateway so many of the last commands are told.
COMMANDS_MAX = 20

_SEEN = """
    SELECT gateway, chain, up_to, held,
        (SELECT stored_ms FROM record AS r
            WHERE (r.community, r.gateway, r.chain) = (c.community, c.gateway, c.chain)
            ORDER BY seq DESC LIMIT 1)
    FROM chain AS c WHERE community = ? ORDER BY gateway, chain
"""


def last_seen(db: sqlite3.Connection, community: str) -> dict[str, int]:
    """When the newest record of each gateway was stored."""
    seen: dict[str, int] = {}
    for gateway, _, _, _, at_ms in db.execute(_SEEN, (community,)):
        if at_ms is not None:
            seen[gateway] = max(at_ms, seen.get(gateway, at_ms))
    return seen


def quiet(db: sqlite3.Connection, community: str, now_ms: int) -> dict[str, int]:
    """Since how many minutes each gateway that gave evidence before has given none.

    A recycling point has nothing to say while nobody comes: 0 where it is there.
    """
    heard = words(db, community, ("state", "birth"))
    points = {gateway for gateway, said in heard["birth"].items() if _is_point(said)}
    there = {gateway for gateway, said in heard["state"].items() if said == "online"}
    return {
        gateway: 0 if gateway in points & there else max(0, now_ms - at_ms) // _MINUTE_MS
        for gateway, at_ms in last_seen(db, community).items()
    }


def silent(db: sqlite3.Connection, registry: Registry, now_ms: int) -> dict[str, int]:
    """Gateways that gave evidence before and give none now, and since how many minutes. Nobody
    waits for one that is revoked.
    """
    since = quiet(db, registry.community, now_ms).items()
    return {
        gateway: minutes
        for gateway, minutes in since
        if minutes >= SILENT_MIN and not registry.is_barred(gateway)
    }


def _is_point(birth: Any) -> bool:
    return isinstance(birth, dict) and bool(birth.get("kiosk"))


class Alarms:
    """Tells the log of trouble once, and once when it is over."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()
        self._silent: set[str] = set()
        self._broker_ends_ms: int | None = None

    def broker(self, ends_ms: int | None, now_ms: int) -> None:
        """When the certificate ends that the broker shows, None without one."""
        if ends_ms is None or ends_ms == self._broker_ends_ms or ends_ms - now_ms > BROKER_MS:
            return
        self._broker_ends_ms = ends_ms
        try_ = "meterkast hub certificate --broker HOST, meterkast install mosquitto, restart it"
        ends = f"{datetime.fromtimestamp(ends_ms / 1000, UTC):%Y-%m-%d}"
        log.error("broker_certificate_ends", ends=ends, try_=try_)

    def refused(self, deliveries: Iterable[tuple[str, str]]) -> None:
        """Deliveries (gateway, reason) that were not stored."""
        for gateway, reason in deliveries:
            if (gateway, reason) not in self._refused:
                self._refused.add((gateway, reason))
                level = log.error if reason in {FORKED, HELD} else log.warning
                level("record_refused", gateway=gateway, reason=reason)

    def silent(self, gateways: dict[str, int]) -> None:
        """Gateways that are silent now, with the minutes."""
        for gateway in sorted(gateways.keys() - self._silent):
            log.warning("gateway_silent", gateway=gateway, minutes=gateways[gateway])
        for gateway in sorted(self._silent - gateways.keys()):
            log.info("gateway_heard_again", gateway=gateway)
        self._silent = set(gateways)


def gateways(
    db: sqlite3.Connection, community: str, *, registry: Registry, now_ms: int
) -> list[Json]:
    """Everything the hub knows of each admitted gateway."""
    chains: dict[str, list[Json]] = {}
    missing = {(gap.gateway, gap.chain): gap for gap in gaps(db, community)}
    for gateway, chain, up_to, held, _ in db.execute(_SEEN, (community,)):
        gap = missing.get((gateway, chain))
        told: Json = {"chain": chain, "up_to": up_to, "held": held}
        told["missing"] = _missing(db, (community, gateway, chain), up_to, gap and gap.last)
        if gap:
            told |= {"missing_since_ms": gap.since_ms, "asked": gap.asked}
        told["lost"] = _lost(db, (community, gateway, chain))
        chains.setdefault(gateway, []).append(told)
    seen = last_seen(db, community)
    heard, quiet_ones = words(db, community, LEAVES), silent(db, registry, now_ms)
    return [
        {
            "gateway": gateway,
            "state": heard["state"].get(gateway, ""),
            "revoked": registry.is_barred(gateway),
            "seen_ms": seen.get(gateway),
            "silent_min": quiet_ones.get(gateway, 0),
            "chains": chains.get(gateway, []),
            "refused": _refused(db, community, gateway),
            "commands": _commands(db, community, gateway, now_ms),
            "birth": heard["birth"].get(gateway),
            "health": heard["health"].get(gateway),
        }
        for gateway in sorted(registry.keys)
    ]


def _missing(
    db: sqlite3.Connection, chain: tuple[str, str, str], up_to: int, first_until: int | None
) -> list[Json]:
    """The ranges beyond the head that are not stored while later ones are, or were seen."""
    rows = db.execute(
        "SELECT seq FROM record WHERE community = ? AND gateway = ? AND chain = ? AND seq > ?"
        " ORDER BY seq",
        (*chain, up_to),
    )
    stored = [up_to, *(seq for (seq,) in rows)]
    if first_until is None:
        return []
    if len(stored) == 1:  # nothing is stored beyond it: what came was too far ahead
        stored.append(first_until + 1)
    found = [(a + 1, b - 1) for a, b in pairwise(stored) if b > a + 1]
    return [{"first": first, "last": last} for first, last in found[:RANGES_MAX]]


def _lost(db: sqlite3.Connection, chain: tuple[str, str, str]) -> list[Json]:
    rows = db.execute(
        "SELECT first, last, why FROM lost WHERE community = ? AND gateway = ? AND chain = ?"
        " AND passed_from IS NOT NULL ORDER BY last DESC LIMIT ?",
        (*chain, RANGES_MAX),
    ).fetchall()
    return [
        {"first": first, "last": last, "why": why if why.isprintable() else ""}
        for first, last, why in reversed(rows)
    ]


def words(
    db: sqlite3.Connection, community: str, leaves: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What gateways last said, by leaf: the word of a state, the JSON of the others."""
    found: dict[str, dict[str, Any]] = {leaf: {} for leaf in leaves}
    for leaf, said in found.items():
        for gateway, data in db.execute(
            "SELECT gateway, data FROM heard WHERE community = ? AND leaf = ?", (community, leaf)
        ):
            said[gateway] = _word(data) if leaf == "state" else _json(data)
    return found


def _word(data: bytes) -> str:
    return data.decode() if data in {b"online", b"offline"} else ""


def _json(data: bytes) -> Any:
    """None for what is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _refused(db: sqlite3.Connection, community: str, gateway: str) -> list[Json]:
    rows = db.execute(
        "SELECT reason, count, last_ms FROM rejected WHERE community = ? AND gateway = ?"
        " ORDER BY reason",
        (community, gateway),
    )
    return [{"reason": reason, "count": count, "last_ms": at} for reason, count, at in rows]


def _commands(db: sqlite3.Connection, community: str, gateway: str, now_ms: int) -> list[Json]:
    rows = db.execute(
        "SELECT made_ms, gateway, id, word, expires_ms, chain, first, last, device FROM command"
        " WHERE community = ? AND gateway = ? ORDER BY made_ms DESC, id LIMIT ?",
        (community, gateway, COMMANDS_MAX),
    ).fetchall()
    found = []
    for made_ms, *row in rows:
        order = Command(community, *row)
        outcome, why = orders.outcome(db, order, now_ms=now_ms)
        said: Json = {
            "id": order.id,
            "word": order.word,
            "device": order.device,
            "chain": order.chain,
        }
        said |= {"first": order.first, "last": order.last, "made_ms": made_ms}
        found.append({**said, "outcome": outcome, "why": why})
    return found
