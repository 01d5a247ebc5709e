"""What members' meters showed. Read-only."""

import sqlite3
from datetime import date, timedelta

from ledger_bridge.books.calendar import utc_text
from ledger_bridge.books.facts.believe import BEHIND, CORRECTED, OUTRANKED, PRODUCED, WITHIN
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.telling.days import Days
from ledger_bridge.books.telling.held import evidence_name
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.sentences import DUTCH, of_counter

# What nobody needs to look at in a month of quarter-hours.
_IN_ORDER = ("", OUTRANKED, CORRECTED, WITHIN, BEHIND, PRODUCED)


def readings(
    db: sqlite3.Connection, community: str, member: str, days: Days, *, policies: Policies
) -> list[Json]:
    """The counters of the member's meters.

    Of one day all from local midnight to local midnight, both included. Of several days those that
    there is something to say of.
    """
    which = f"(verdict NOT IN {_IN_ORDER} OR doubt != '') AND day BETWEEN ? AND ? AND at_ms >= ?"
    first, (begin_ms, _) = days.first, days.bounds_ms(policies.zone)
    if first == days.last:
        # The reading at the midnight that begins a day closes the day before.
        which = "day BETWEEN ? AND ? AND at_ms >= ?"
        first = (date.fromisoformat(first) - timedelta(days=1)).isoformat()
    rows = db.execute(
        "SELECT gateway, device, register, at_ms, value, unit, per_pulse, serial, verdict, doubt,"
        f" chain, seq FROM counter WHERE community = ? AND member = ? AND {which}"
        " ORDER BY gateway, device, register, at_ms, chain, seq",
        (community, member, first, days.last, begin_ms),
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
                "record": evidence_name(gateway, chain, seq),
            }
        )
    return found
