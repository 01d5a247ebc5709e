"""Deposits and their corrections, as people and programs read them. Read-only."""

import sqlite3
from decimal import Decimal
from typing import Any

from gateway.contract.credit import HELD
from gateway.contract.record import to_json
from ledger_bridge.books.calendar import utc_text
from ledger_bridge.books.facts import deposits
from ledger_bridge.books.facts.waste import KG
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.shares import Shares, Told

Json = dict[str, Any]

_COLUMNS = (
    "gateway, chain, seq, id, at_ms, day, member, club, card != '' AS has_card, fraction,"
    " counts_as, unit, amount, by_operator, crate, crate_mg, scale_record, is_verified, verdict"
)


def rows_of(db: sqlite3.Connection, statement: str, parameters: tuple[Any, ...]) -> list[Json]:
    """Rows of a statement, by the names of their columns."""
    cursor = db.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def deposits_of(
    db: sqlite3.Connection,
    community: str,
    member: str,
    days: tuple[str, str],
    *,
    policies: Policies,
) -> list[Json]:
    """A member's deposits from the first to the last of these days, also those that wait."""
    rows = rows_of(
        db,
        f"SELECT {_COLUMNS} FROM deposit WHERE community = ? AND member = ?"
        " AND day BETWEEN ? AND ? ORDER BY at_ms, gateway, chain, seq",
        (community, member, *days),
    )
    return _told(db, community, rows, policies)


def held_deposits(db: sqlite3.Connection, community: str, *, policies: Policies) -> list[Json]:
    """Deposits that wait: for somebody to claim them, or for a steward."""
    rows = rows_of(
        db,
        f"SELECT {_COLUMNS} FROM deposit WHERE community = ?"
        " AND verdict IN (SELECT value FROM json_each(?)) ORDER BY at_ms, gateway, chain, seq",
        (community, to_json(deposits.WAITING).decode()),
    )
    return _told(db, community, rows, policies)


def held_corrections(db: sqlite3.Connection, community: str) -> list[Json]:
    """Corrections that a steward must decide on; their deposits count until then."""
    rows = rows_of(
        db,
        "SELECT * FROM correction WHERE community = ?"
        " AND verdict IN (SELECT value FROM json_each(?)) ORDER BY gateway, chain, seq",
        (community, to_json(deposits.CORRECTIONS_WAITING).decode()),
    )
    return [
        {
            "kind": "correction",
            **_correction(row),
            "deposit": row["deposit"],
            "gateway": row["gateway"],
            "state": "held",
            "try": _decide(row["gateway"], row["deposit"], "--accept or --void"),
        }
        for row in rows
    ]


def kg(mg: int) -> str:
    """A mass to the gram, the rest rounded half to even."""
    return f"{Decimal(mg).scaleb(-6):.3f} kg"


def brought(deposit: Json) -> str:
    """How much a deposit is, as people read it: 2.500 kg, or 3 pieces."""
    if deposit["net_mg"] is not None:
        return kg(deposit["net_mg"])
    return f"{deposit['pieces']} piece{'s' if deposit['pieces'] != 1 else ''}"


def remarks(told: Json) -> list[str]:
    """What there is to say of a deposit or a reading: whose it is, who corrected it, why not."""
    found = []
    if told.get("club") and told["club"] == told["member"]:
        found.append(f"Given to {told['club']}.")
    for one in told.get("corrections", ()):
        what = f"to {one['fraction']}" if one["fraction"] else "taken back"
        reason = f": {one['reason']}" if one["reason"] else ""
        found.append(f"Corrected by the {one['by']}, {what}{reason}. {one['sentence']}".strip())
    return [*found, told["sentence"]] if told["sentence"] else found


def held_records(db: sqlite3.Connection, community: str) -> list[Json]:
    """Records that a point made without a clock, and that nothing has given a time yet."""
    found = []
    for row in rows_of(
        db,
        "SELECT gateway, chain, seq, is_over FROM clockless WHERE community = ?"
        " ORDER BY gateway, chain, seq",
        (community,),
    ):
        sentence, zin = sentences.CLOCKLESS[bool(row["is_over"])]
        found.append(
            {
                "kind": "record",
                "record": f"{row['gateway']}/{row['chain']}/{row['seq']}",
                "state": HELD,
                "sentence": sentence,
                "zin": zin,
            }
        )
    return found


def _told(
    db: sqlite3.Connection, community: str, rows: list[Json], policies: Policies
) -> list[Json]:
    corrections = _corrections(db, community, {(row["gateway"], row["id"]) for row in rows})
    shares = Shares(db, community, policies)
    found = []
    for row in rows:
        told = shares.told(row)
        credit = ""
        if told.asset:
            credit = amount_text(told.amount, policies.asset(told.asset).scale)
        mine = corrections.get((row["gateway"], row["id"]), [])
        found.append({**_deposit(row, mine, told), "credit": credit, "asset": told.asset})
    return found


def _deposit(row: Json, corrections: list[Json], told: Told) -> Json:
    is_mass = row["unit"] == KG
    found = {
        "kind": "deposit",
        "id": row["id"],
        "gateway": row["gateway"],
        "member": row["member"],
        "fraction": row["counts_as"],
        "chosen": row["fraction"],
        "net_mg": row["amount"] if is_mass else None,
        "pieces": None if is_mass else row["amount"] // 1000,
        "at": utc_text(row["at_ms"]),
        "club": row["club"],
        "crate": row["crate"],
        "crate_mg": row["crate_mg"],
        "operator": bool(row["by_operator"]),
        "verified": bool(row["is_verified"]),
        "state": told.state,
        "sentence": told.sentence,
        "zin": told.zin,
        "corrections": corrections,
        "record": f"{row['gateway']}/{row['chain']}/{row['seq']}",
    }
    return {**found, "try": _try(row)} if told.state == HELD else found


def _try(row: Json) -> str:
    """What a steward types about a deposit that waits."""
    verdict = row["verdict"]
    if verdict == deposits.NOBODY:
        card = " or meterkast member card MEMBER --slip CODE" if row["has_card"] else ""
        return f"meterkast member claim MEMBER CODE{card}"
    choice = "--accept or --void" if verdict in deposits.ACCEPTABLE else "--void"
    return _decide(row["gateway"], row["id"], choice)


def _decide(gateway: str, deposit: str, choice: str) -> str:
    return f'meterkast deposit decide {gateway}/{deposit} {choice} --reason "…"'


def _corrections(
    db: sqlite3.Connection, community: str, names: set[tuple[str, str]]
) -> dict[tuple[str, str], list[Json]]:
    """The corrections of these deposits, each once, by gateway and deposit."""
    found: dict[tuple[str, str], list[Json]] = {}
    for row in rows_of(
        db,
        "SELECT correction.* FROM json_each(?) AS names CROSS JOIN correction ON community = ?"
        " AND deposit = names.value ->> 1 AND gateway = names.value ->> 0 AND verdict != ?"
        " ORDER BY gateway, chain, seq",
        (to_json(sorted(names)).decode(), community, deposits.AGAIN),
    ):
        found.setdefault((row["gateway"], row["deposit"]), []).append(_correction(row))
    return found


def _correction(row: Json) -> Json:
    sentence, zin = sentences.CORRECTION[row["verdict"]] if row["verdict"] else ("", "")
    return {
        "at": utc_text(row["at_ms"]) if row["at_ms"] is not None else "",
        "by": row["by"],
        "fraction": row["fraction"],
        "reason": row["reason"],
        "sentence": sentence,
        "zin": zin,
        "record": f"{row['gateway']}/{row['chain']}/{row['seq']}",
    }
