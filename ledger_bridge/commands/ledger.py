"""`meterkast ledger`: balances, statements, where a credit comes from, and acts."""

from collections.abc import Sequence
from typing import Any

import cyclopts

from ledger_bridge.books.facts.containers import held_emptyings
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.holders import MEMBER
from ledger_bridge.books.telling import why as reasons
from ledger_bridge.books.telling.attested import held_attestations
from ledger_bridge.books.telling.balances import balances
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.recycling import (
    brought,
    held_corrections,
    held_deposits,
    held_records,
    kg,
    remarks,
)
from ledger_bridge.books.telling.rules import TRIAL
from ledger_bridge.commands import acts
from ledger_bridge.commands.attest import attest
from ledger_bridge.commands.close import close, prune
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    read_books,
    show,
    table,
)
from ledger_bridge.commands.export import export
from ledger_bridge.commands.proof import proof
from ledger_bridge.commands.statement import tell_statement

app = cyclopts.App(name="ledger", help="Balances, statements, reasons and acts.")
app.command(tell_statement, name="statement")
app.command(export)
app.command(attest)
app.command(close)
app.command(prune)
app.command(proof)
acts.mount(app)


@app.command
def balance(*, config: Config = CONFIG, json: Json = False) -> None:
    """What everybody holds, and what is in the accounts that are nobody's."""
    books = read_books(config)
    found = balances(books.db, books.community, registry=books.registry, policies=books.policies)
    if json:
        show(found)
        return
    assets = sorted({asset for one in found for asset in one["balances"]})
    rows = [
        (
            one["holder"],
            one["name"] or ("" if one["role"] == MEMBER else one["role"]),
            *(one["balances"].get(asset, "0") for asset in assets),
        )
        for one in found
    ]
    table(("member", "name", *assets), rows)
    for asset in assets:
        if asset in books.policies.shadows:
            print(f"{asset} {TRIAL['en']} ({TRIAL['nl']})")


@app.command
def held(*, config: Config = CONFIG, json: Json = False) -> None:
    """What is not credited, or not settled, yet: it waits for somebody, or for a steward."""
    books = read_books(config)
    deposits = held_deposits(books.db, books.community, policies=books.policies)
    corrections = held_corrections(books.db, books.community)
    emptyings = held_emptyings(books.db, books.community, registry=books.registry)
    meters = held_meters(books.db, books.community)
    records = held_records(books.db, books.community)
    attested = held_attestations(books.db, books.community)
    if json:
        show([*deposits, *corrections, *emptyings, *records, *meters, *attested])
        return
    table(
        ("at", "fraction", "amount", "why"),
        [(d["at"], d["fraction"], brought(d), d["sentence"]) for d in deposits],
    )
    _also(
        ("at", "correction of", "reason", "why"),
        [
            (c["at"], f"{c['gateway']}/{c['deposit']}", c["reason"], c["sentence"])
            for c in corrections
        ],
    )
    _also(
        ("emptied", "container", "brought", "hauled", "why"),
        [
            (
                e["at"],
                f"{e['gateway']} {e['fraction']}",
                kg(e["delivered_mg"]),
                kg(e["hauled_mg"]),
                e["sentence"],
            )
            for e in emptyings
        ],
    )
    _also(("record", "why"), [(one["record"], one["sentence"]) for one in records])
    _also(
        ("meter", "serial", "registers", "since", "why"),
        [
            (m["meter"], m["serial"], " ".join(m["registers"]), m["since"], m["sentence"])
            for m in meters
        ],
    )
    _also(
        ("attested", "member", "day", "activity", "why"),
        [(a["attestation"], a["member"], a["day"], a["activity"], a["sentence"]) for a in attested],
    )
    waiting = (*deposits, *corrections, *emptyings, *meters, *attested)
    what_to_type = dict.fromkeys(one["try"] for one in waiting)
    if what_to_type:
        print("\ntry:")
    for command in what_to_type:
        print(f"  {command}")


def _also(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """One more table, where it has rows."""
    if rows:
        print()
        table(head, rows)


@app.command
def why(booking: int, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Follow a credit back to the telegram it comes from.

    Parameters
    ----------
    booking
        Its number, as statements and the page show it.
    """
    books = read_books(config)
    found = reasons.why(
        books.db, books.community, booking, registry=books.registry, policies=books.policies
    )
    if json:
        show(found)
    else:
        _tell(found, books.policies)


def _tell(found: dict[str, Any], policies: Policies) -> None:
    print(f"booking {found['booking']} ({found['kind']}), {found['booked']}, leaf {found['leaf']}")
    for account, asset, amount in found["postings"]:
        sign = "+" if amount > 0 else ""
        print(f"  {account}  {sign}{amount_text(amount, policies.asset(asset).scale)} {asset}")
    if "act" in found:
        acts.tell_act(found["act"])
        return
    if "claim" not in found:
        print(found["sentence"])
        return
    claim = found["claim"]
    print(f"because of rule {claim['rule']} for {claim['member']} on {found['days']}")
    print(f"  {found['policy']['rule']}")
    print(f"  policy of {found['policy']['valid_from']}, {found['policy']['hash']}")
    print(f"  due was {found['due_before']}, became {found['due']} {found['asset']}")
    if "closed" in found:
        print(f"  a correction of a period that booking {found['closed']} had closed")
    if found["reckoning"]:
        print("reckoned")
        for line in found["reckoning"]["sentences"]:
            print(f"  {line}")
    print("measured")
    for one in found["evidence"]:
        note = "".join(f"  {remark}" for remark in remarks(one))
        print(f"  {one['at']}  {one['what']}  +{one['measured']}  {one['record']}{note}")
    _tell_shared(found["shared"])
    if found["record"]:
        _tell_record(found["record"])


def _tell_shared(quarters: list[dict[str, Any]]) -> None:
    if quarters:
        print("shared")
    for one in quarters:
        print(
            f"  {one['at']}  used {one['used']}, of others' {one['taken']};"
            f" gave back {one['produced']}, to others {one['given']}"
        )


def _tell_record(record: dict[str, Any]) -> None:
    print(f"record {record['id']}, sha-256 {record['digest']}, key {record['kid']}")
    if record["telegram"]:
        print("telegram")
    for line in record["telegram"].splitlines():
        print(f"  {line}")
