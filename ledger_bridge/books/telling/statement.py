"""What a member measured and was credited on a day, and what everybody holds. Read-only."""

import sqlite3

from gateway.contract.record import to_json
from ledger_bridge.books.calendar import (
    bounds_ms,
    days_of,
    days_text,
    local_text,
    period_of,
    utc_text,
)
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.policy.policy import Policies, amount_text
from ledger_bridge.books.quantity import Amount, in_json
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.recycling import Json, deposits_of
from ledger_bridge.books.telling.sentences import DUTCH, of_counter


def names(db: sqlite3.Connection, community: str) -> dict[str, str]:
    """The name of each member who has one."""
    return dict(db.execute("SELECT member, name FROM person WHERE community = ?", (community,)))


def balances(
    db: sqlite3.Connection, community: str, *, registry: Registry, policies: Policies
) -> list[Json]:
    """What each member holds: one entry per member and asset, members without any as well."""
    held = {
        (account, asset): amount
        for account, asset, amount in db.execute(
            "SELECT account, asset, amount FROM balance WHERE community = ?", (community,)
        )
    }
    known = names(db, community)
    assets = sorted({asset for _, asset in held})
    return [
        {
            "member": member,
            "name": known.get(member, ""),
            "account": account,
            "balances": {
                asset: amount_text(held.get((account, asset), 0), policies.asset(asset).scale)
                for asset in assets
            },
        }
        for member, account in sorted(registry.accounts.items())
    ]


def statement(
    db: sqlite3.Connection, community: str, member: str, day: str, *, policies: Policies
) -> Json:
    """A member's day: what was counted, what was brought, and what was credited for it.

    A rule over weeks has the line of its whole period, so far.
    """
    return {
        "member": member,
        "day": day,
        "lines": _lines(db, community, member, day, policies),
        "readings": _readings(db, community, member, day, policies),
        "deposits": deposits_of(db, community, member, (day, day), policies=policies),
        "closed": _is_closed(db, community, day),
    }


def _is_closed(db: sqlite3.Connection, community: str, period: str) -> bool:
    """A period is closed when its last day is."""
    row = db.execute(
        "SELECT 1 FROM closed WHERE community = ? AND period = ?", (community, days_of(period)[1])
    ).fetchone()
    return row is not None


def _lines(
    db: sqlite3.Connection, community: str, member: str, day: str, policies: Policies
) -> list[Json]:
    in_force = policies.on(day)
    if in_force is None:
        return []
    lines = []
    for rule in in_force.policy.rules:
        period = period_of(day, rule.weeks)
        key = (community, rule.id, member, period)
        row = db.execute(
            "SELECT due FROM claim WHERE community = ? AND rule = ? AND member = ? AND period = ?",
            key,
        ).fetchone()
        dirty = db.execute(
            "SELECT 1 FROM dirty WHERE community = ? AND rule = ? AND member = ? AND period = ?",
            key,
        ).fetchone()
        asset = in_force.policy.assets[rule.asset]
        lines.append(
            {
                "rule": rule.id,
                "period": period,
                "quantity": _quantity(
                    db, community, member, period, rule.registers, is_redeemable=asset.redeemable
                ),
                "pulses": _pulses(db, community, member, period, rule.registers),
                "credit": amount_text(row[0] if row else 0, asset.scale),
                "asset": rule.asset,
                "settled": dirty is None,
                "closed": _is_closed(db, community, period),
                "bookings": [
                    seq
                    for (seq,) in db.execute(
                        "SELECT seq FROM booking WHERE community = ? AND rule = ?"
                        " AND member = ? AND period = ? ORDER BY seq",
                        key,
                    )
                ],
            }
        )
    return lines


def _quantity(
    db: sqlite3.Connection,
    community: str,
    member: str,
    period: str,
    registers: tuple[str, ...],
    *,
    is_redeemable: bool,
) -> Json:
    """Thousandths by register (mWh) or by fraction (mg, or of a piece): exact, see `in_json`.

    For what can be redeemed only deposits on verified scales are counted.
    """
    if registers:
        rows = db.execute(
            "SELECT register, per_pulse, sum(delta) FROM counter WHERE community = ?"
            " AND member = ? AND day BETWEEN ? AND ?"
            " AND register IN (SELECT value FROM json_each(?)) GROUP BY register, per_pulse",
            (community, member, *days_of(period), to_json(registers).decode()),
        )
        found: dict[str, Amount] = {}
        for register, per_pulse, total in rows:
            found[register] = found.get(register, 0) + amount_of(total, per_pulse)
        return {register: in_json(amount) for register, amount in found.items()}
    rows = db.execute(
        "SELECT counts_as, sum(counted) FROM deposit WHERE community = ? AND member = ?"
        " AND day BETWEEN ? AND ? AND counted != 0 AND is_verified >= ? GROUP BY counts_as",
        (community, member, *days_of(period), is_redeemable),
    )
    return dict(rows)


def _pulses(
    db: sqlite3.Connection, community: str, member: str, period: str, registers: tuple[str, ...]
) -> list[Json]:
    """What of the quantity was counted in pulses, and what each of them was worth."""
    rows = db.execute(
        "SELECT register, per_pulse, sum(delta) FROM counter WHERE community = ?"
        " AND member = ? AND day BETWEEN ? AND ?"
        " AND register IN (SELECT value FROM json_each(?))"
        " AND per_pulse != '' GROUP BY register, per_pulse ORDER BY register, per_pulse",
        (community, member, *days_of(period), to_json(registers).decode()),
    )
    return [
        {"register": register, "pulses": total, "per_pulse": per_pulse}
        for register, per_pulse, total in rows
    ]


def _readings(
    db: sqlite3.Connection, community: str, member: str, day: str, policies: Policies
) -> list[Json]:
    """The counters of the member's meters from local midnight to local midnight, both included."""
    begin, end = bounds_ms(day, policies.zone)
    rows = db.execute(
        "SELECT gateway, device, register, at_ms, value, unit, per_pulse, serial, verdict, doubt,"
        " chain, seq FROM counter WHERE community = ? AND member = ?"
        " AND (day = ? OR (at_ms >= ? AND at_ms < ?))"
        " ORDER BY gateway, device, register, at_ms, chain, seq",
        (community, member, day, begin, end),
    )
    found = []
    for gateway, device, register, at_ms, value, unit, per_pulse, *told in rows:
        serial, verdict, doubt, chain, seq = told
        found.append(
            {
                "gateway": gateway,
                "device": device,
                "register": register,
                "at": utc_text(at_ms),
                "value": value,
                "unit": f"m{unit}" if unit != "pulse" else unit,
                **({"per_pulse": per_pulse} if unit == "pulse" else {}),
                "serial": serial,
                "sentence": of_counter(verdict, doubt),
                "zin": of_counter(verdict, doubt, DUTCH),
                "record": f"{gateway}/{chain}/{seq}",
            }
        )
    return found


def held_meters(db: sqlite3.Connection, community: str) -> list[Json]:
    """Meters whose newest count waits, or is nobody's: one entry per meter and reason."""
    rows = db.execute(
        """
        WITH waiting AS (
            SELECT gateway, device, serial, register, verdict,
                max(at_ms) AS last_ms, min(at_ms) AS first_ms
            FROM counter WHERE community = :community AND verdict NOT IN ('', 'first')
            GROUP BY gateway, device, serial, register, verdict
        )
        SELECT gateway, device, serial, verdict, group_concat(register, ' '),
            min(first_ms), max(last_ms)
        FROM waiting WHERE NOT EXISTS (
            SELECT 1 FROM counter AS later WHERE later.community = :community
                AND later.gateway = waiting.gateway AND later.device = waiting.device
                AND later.register = waiting.register AND later.serial = waiting.serial
                AND later.at_ms > waiting.last_ms
        )
        GROUP BY gateway, device, serial, verdict
        ORDER BY gateway, device, serial, verdict""",
        {"community": community},
    )
    return [
        {
            "kind": "meter",
            "meter": f"{gateway}/{device}",
            "serial": serial,
            "registers": sorted(registers.split()),
            "since": utc_text(first_ms),
            "last": utc_text(last_ms),
            "state": "held",
            "sentence": of_counter(verdict),
            "zin": of_counter(verdict, language=DUTCH),
        }
        for gateway, device, serial, verdict, registers, first_ms, last_ms in rows
    ]


def latest(
    db: sqlite3.Connection, community: str, limit: int, *, policies: Policies, registry: Registry
) -> list[Json]:
    """The newest bookings, newest first, as people read them."""
    owners = {account: member for member, account in registry.accounts.items()}
    known = names(db, community)
    if registry.founded:
        owners[registry.founded.issuance] = "issuance"
    rows = db.execute(
        "SELECT seq, kind, booked_ms, rule, member, period FROM booking WHERE community = ?"
        " ORDER BY seq DESC LIMIT ?",
        (community, limit),
    ).fetchall()
    found = []
    for seq, kind, booked_ms, rule, member, period in rows:
        postings = db.execute(
            "SELECT account, asset, amount FROM posting"
            " WHERE community = ? AND booking = ? ORDER BY line",
            (community, seq),
        )
        found.append(
            {
                "booking": seq,
                "kind": kind,
                "booked": utc_text(booked_ms),
                "local": local_text(booked_ms, policies.zone),
                "rule": rule,
                "member": member,
                "name": known.get(member, member),
                "period": period,
                "days": days_text(period) if period else "",
                "postings": [
                    {
                        "account": owners.get(account, account),
                        "asset": asset,
                        "amount": amount_text(amount, policies.asset(asset).scale),
                    }
                    for account, asset, amount in postings
                ],
            }
        )
    return found
