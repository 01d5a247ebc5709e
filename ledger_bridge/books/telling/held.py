"""Meters that wait for somebody, and what a steward can type about each. Read-only."""

import sqlite3

from ledger_bridge.books.calendar import utc_text
from ledger_bridge.books.facts.believe import NOBODY, PULSES, WAITS, WAITS_WHILE_NEWEST
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.sentences import DUTCH, of_counter


def place_name(gateway: str, device: str) -> str:
    """GATEWAY/DEVICE, or the meter point that official figures are about."""
    return f"{gateway}/{device}" if gateway else device


def evidence_name(gateway: str, chain: str, seq: int) -> str:
    """The record that says something, or the paper."""
    return f"{gateway}/{chain}/{seq}" if gateway else f"paper {seq}"


def held_meters(db: sqlite3.Connection, community: str) -> list[Json]:
    """Meters whose newest count waits, or is nobody's, and those with counts that wait until they
    are decided: one entry per meter and reason.
    """
    # As the index of counts that wait has it.
    waits = f"verdict IN {(*WAITS_WHILE_NEWEST, *WAITS)}"
    rows = db.execute(
        f"""
        WITH waiting AS (
            SELECT gateway, device, serial, register, verdict,
                max(at_ms) AS last_ms, min(at_ms) AS first_ms
            FROM counter WHERE community = :community AND {waits}
            GROUP BY gateway, device, serial, register, verdict
        )
        SELECT gateway, device, serial, verdict, group_concat(register, ' '),
            min(first_ms), max(last_ms)
        FROM waiting WHERE verdict IN {WAITS} OR NOT EXISTS (
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
            "meter": place_name(gateway, device),
            "serial": serial,
            "registers": sorted(registers.split()),
            "since": utc_text(first_ms),
            "last": utc_text(last_ms),
            "state": "held",
            "sentence": of_counter(verdict),
            "zin": of_counter(verdict, language=DUTCH),
            "try": _what_to_type(
                verdict,
                place_name(gateway, device),
                serial,
                span=(utc_text(first_ms), utc_text(last_ms)),
            ),
        }
        for gateway, device, serial, verdict, registers, first_ms, last_ms in rows
    ]


def _what_to_type(verdict: str, place: str, serial: str, *, span: tuple[str, str]) -> str:
    """The command that ends the waiting, with what only a steward knows left open."""
    known = f" --serial {serial}" if serial else ""
    if verdict == NOBODY:
        return f"meterkast device fit {place} --member MEMBER{known} --from {span[0][:10]}"
    if verdict == PULSES:
        return f"meterkast device fit {place} --member MEMBER{known} --pulses-per-kwh NUMBER"
    first, last = span
    return (
        f"meterkast device decide {place}{known} --from {first} --until {last}"
        ' --accept (or --refuse) --reason "…"'
    )
