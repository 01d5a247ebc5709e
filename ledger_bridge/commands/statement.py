"""`meterkast ledger statement`: what a member measured and earned, or what was booked for them."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

from ledger_bridge.books.telling.recycling import brought, remarks
from ledger_bridge.books.telling.statement import statement, statement_booked
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    known_holder,
    known_member,
    read_books,
    show,
    table,
)


def tell_statement(
    *,
    member: str,
    period: str,
    by: Literal["event", "booking"] = "event",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """What a member measured and earned in a period, or what was booked for them in it.

    Parameters
    ----------
    member
        With `--by booking` also an account that is nobody's, such as pool.
    period
        A local day, month or year, or from one to another: 2026-06-15..2026-07-12.
    by
        event: what was measured then, whenever it was booked. booking: what was booked then,
        with the balance after each line.
    """
    books = read_books(config)
    known = known_member if by == "event" else known_holder
    reckon = statement if by == "event" else statement_booked
    found = reckon(
        books.db,
        books.community,
        known(books.registry, member),
        period,
        registry=books.registry,
        policies=books.policies,
    )
    if json:
        show(found)
        return
    print(f"{member}, {period}{' (closed)' if found['closed'] else ''}")
    if found["sealed"]:
        print(f"  {found['sentence']}")
    for line in _event(found) if by == "event" else ():
        print(f"  {line}")
    if by == "booking":
        _booking(found)
    print(f"settled until {found['settled_until'] or 'nothing came yet'}")
    for one in found["waiting"]:
        print(f"  since {one['since']}  {one['what']}: {one['sentence']}")


def _event(found: dict[str, Any]) -> Iterator[str]:
    """What was measured and earned: claims, the sums of several days, deposits, remarks."""
    for line in found["lines"]:
        yield from _claim(line)
    for asset, trial in found["trial"].items():
        yield f"{asset}: {trial['amount']}, {trial['en']} ({trial['nl']})"
    for line in found["acts"]:
        yield f"{line['local']}  {line['amount']} {line['asset']}  {line['sentence']}".rstrip()
    if found["first"] != found["last"]:
        for total in found["totals"]:
            if not (total["measured"] or Decimal(total["credit"])):
                continue
            measured = _measured(total["measured"])
            yield f"{total['rule']} in all: {measured} -> {total['credit']} {total['asset']}"
    for deposit in found["deposits"]:
        yield f"{deposit['at']}  {_deposit(deposit)}"
    for one in found["attestations"]:
        said = f"{one['activity']} {one['time']}".rstrip() + f" ({one['by']})"
        yield f"{one['day']}  {said}  {one['attestation']}  {one['sentence']}".rstrip()
    yield from _remarks(found["readings"])


def _claim(line: dict[str, Any]) -> Iterator[str]:
    said = f"  {line['sentence']}" if line["sentence"] else ""
    measured = _measured(line["measured"])
    yield f"{line['days']}  {line['rule']}: {measured} -> {line['credit']} {line['asset']}{said}"
    for one in line["pulses"]:
        yield f"  {one['register']}: pulses {one['pulses']}, each {one['per_pulse']}"
    if line["bookings"]:
        yield f"  bookings {', '.join(str(b) for b in line['bookings'])}"


def _measured(measured: dict[str, str]) -> str:
    return ", ".join(f"{key} {amount}" for key, amount in measured.items()) or "nothing"


def _deposit(deposit: dict[str, Any]) -> str:
    """A deposit in one line, with what there is to say of it."""
    credit = f" -> {deposit['credit']} {deposit['asset']}" if deposit["credit"] else ""
    said = "".join(f"  {remark}" for remark in remarks(deposit))
    return f"{deposit['fraction']} {brought(deposit)}{credit}{said}"


def _remarks(readings: list[dict[str, Any]]) -> list[str]:
    """What there is to say of readings: once per meter and sentence, with how many it is about."""
    about: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for reading in readings:
        if reading["sentence"]:
            meter = f"{reading['gateway']}/{reading['device']} {reading['serial']}".strip()
            about[meter, reading["sentence"]].append(reading)
    return [
        f"{some[0]['at']}  {meter}: {sentence}"
        f" ({' '.join(sorted({one['register'] for one in some}))}; {len(some)}x)"
        for (meter, sentence), some in about.items()
    ]


def _booking(found: dict[str, Any]) -> None:
    """A table from the opening balance to the closing one."""
    rows = [
        ("", found["first"], "balance before", asset, "", amount)
        for asset, amount in found["opening"].items()
    ]
    for line in found["lines"]:
        about = f"{line['rule']} of {line['days']}" if line["rule"] else line["kind"]
        said = f"{about}. {line['sentence']}" if line["sentence"] else about
        number = str(line["booking"])
        rows.append((number, line["local"], said, line["asset"], line["amount"], line["balance"]))
    rows += [
        ("", found["last"], "balance after", asset, "", amount)
        for asset, amount in found["closing"].items()
    ]
    table(("no.", "when", "what", "asset", "amount", "balance"), rows)
