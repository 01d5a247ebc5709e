"""What members' meters showed, and which meters wait. Read-only."""

import sqlite3

from ledger_bridge.books.calendar import utc_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.telling.days import Days
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.sentences import DUTCH, of_counter


def readings(
    db: sqlite3.Connection, community: str, member: str, days: Days, *, policies: Policies
) -> list[Json]:
    """The counters of the member's meters.

    Of one day all from local midnight to local midnight, both included. Of several days those that
    there is something to say of.
    """
    which = "(verdict != '' OR doubt != '') AND day BETWEEN ? AND ? AND at_ms >= ? AND at_ms <= ?"
    if days.first == days.last:
        which = "(day BETWEEN ? AND ? OR (at_ms >= ? AND at_ms < ?))"
    rows = db.execute(
        "SELECT gateway, device, register, at_ms, value, unit, per_pulse, serial, verdict, doubt,"
        f" chain, seq FROM counter WHERE community = ? AND member = ? AND {which}"
        " ORDER BY gateway, device, register, at_ms, chain, seq",
        (community, member, days.first, days.last, *days.bounds_ms(policies.zone)),
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
