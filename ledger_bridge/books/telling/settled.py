"""Up to which day nothing waits for a member, and what it is that waits after it. Read-only."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from gateway.contract.record import to_json
from ledger_bridge.books.calendar import day_of, days_of
from ledger_bridge.books.facts import deposits
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.recycling import Json


def settled(
    db: sqlite3.Connection, community: str, member: str, *, registry: Registry, policies: Policies
) -> Json:
    """The last day up to which all of a member's is settled, "" for none; and what waits.

    A day is settled when it was over in the newest record of the community, when each of the
    member's meters was heard after it, and when nothing of it waits.
    """
    zone = policies.zone
    today = _newest_day(db, community, zone)
    if not today:
        return {"settled_until": "", "waiting": []}
    places = _places(registry, member)
    waiting = [
        *_claims(db, community, member),
        *_deposits(db, community, member),
        *_meters(db, community, places, zone=zone),
        *_silent(db, community, member, places, zone=zone, today=today),
        *(_shared(db, community, today) if places else ()),
    ]

    waiting.sort(key=lambda one: (one["since"], one["what"]))
    first = min([today, *(one["since"] for one in waiting)])
    before = date.fromisoformat(first) - timedelta(days=1)
    return {"settled_until": before.isoformat(), "waiting": waiting}


def _newest_day(db: sqlite3.Connection, community: str, zone: str) -> str:
    row = db.execute(
        "SELECT stored_ms FROM record WHERE community = ? ORDER BY arrival DESC LIMIT 1",
        (community,),
    ).fetchone()
    return day_of(row[0], zone) if row else ""


def _wait(what: str, since: str, said: tuple[str, str]) -> Json:
    return {"what": what, "since": since, "sentence": said[0], "zin": said[1]}


def _claims(db: sqlite3.Connection, community: str, member: str) -> Iterator[Json]:
    for rule, period in db.execute(
        "SELECT rule, min(period) FROM dirty WHERE community = ? AND member = ? GROUP BY rule",
        (community, member),
    ):
        yield _wait(rule, days_of(period)[0], sentences.BEING_SETTLED)


def _deposits(db: sqlite3.Connection, community: str, member: str) -> Iterator[Json]:
    for fraction, day, verdict in db.execute(
        "SELECT counts_as, min(day), verdict FROM deposit WHERE community = ? AND member = ?"
        " AND verdict IN (SELECT value FROM json_each(?)) GROUP BY counts_as, verdict",
        (community, member, to_json(deposits.WAITING).decode()),
    ):
        yield _wait(fraction, day, sentences.DEPOSIT[verdict])


def _meters(
    db: sqlite3.Connection, community: str, places: set[str], *, zone: str
) -> Iterator[Json]:
    """Meters of which a steward must decide something."""
    for meter in held_meters(db, community):
        if meter["meter"] in places:
            at_ms = round(datetime.fromisoformat(meter["since"]).timestamp() * 1000)
            said = meter["sentence"], meter["zin"]
            yield _wait(meter["meter"], day_of(at_ms, zone), said)


def _silent(
    db: sqlite3.Connection, community: str, member: str, places: set[str], *, zone: str, today: str
) -> Iterator[Json]:
    """Meters that have counted, and whose newest count is of a day before the newest one."""
    for place in places:
        gateway, _, device = place.partition("/")
        row = db.execute(
            "SELECT day, max(at_ms) FROM counter WHERE community = ? AND member = ?"
            " AND gateway = ? AND device = ? GROUP BY day ORDER BY day DESC LIMIT 1",
            (community, member, gateway, device),
        ).fetchone()
        if row and (day := day_of(row[1], zone)) < today:
            yield _wait(place, day, sentences.NOT_HEARD)


def _shared(db: sqlite3.Connection, community: str, today: str) -> Iterator[Json]:
    """Days of which the energy is not shared out yet: one house that is late keeps all waiting."""
    for rule, day in db.execute(
        "SELECT rule, min(day) FROM unshared WHERE community = ? AND day < ? GROUP BY rule",
        (community, today),
    ):
        yield _wait(rule, day, sentences.NOT_SHARED)


def _places(registry: Registry, member: str) -> set[str]:
    """Where meters hang for this member now, as GATEWAY/DEVICE."""
    return {
        f"{gateway}/{device}"
        for (gateway, device), fits in registry.fits.items()
        if any(fit.member == member and fit.until_ms is None for fit in fits)
    }
