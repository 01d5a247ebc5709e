"""An export as tables in Dutch or English: what a spreadsheet and a CSV file are made of.

A cell is a text, a whole number, or a Decimal with all the places of its asset. A text that a
spreadsheet program could take for a formula is told from others by `is_risky`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

from ledger_bridge.books.calendar import days_text
from ledger_bridge.books.telling.export import Booked, Export, Line

Language = Literal["nl", "en"]
Cell = str | int | Decimal | None


class Table(NamedTuple):
    """A sheet: its name, what stands above its columns, and its rows."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


_WORDS = {
    "about": ("Over", "About"),
    "balances": ("Saldi", "Balances"),
    "postings": ("Boekingen", "Postings"),
    "holders": ("Leden", "Members"),
    "measured": ("Gemeten", "Measured"),
    "community": ("gemeenschap", "community"),
    "first": ("eerste dag", "first day"),
    "last": ("laatste dag", "last day"),
    "closed_until": ("afgesloten tot en met", "closed until"),
    "last_booking": ("laatste boeking", "last booking"),
    "holder": ("van", "holder"),
    "role": ("rol", "role"),
    "external_id": ("extern nummer", "external id"),
    "name": ("naam", "name"),
    "asset": ("eenheid", "asset"),
    "opening": ("beginsaldo", "opening"),
    "received": ("erbij", "received"),
    "given": ("eraf", "given"),
    "closing": ("eindsaldo", "closing"),
    "booking": ("boeking", "booking"),
    "day": ("dag", "day"),
    "time": ("tijd", "time"),
    "kind": ("soort", "kind"),
    "rule": ("spelregel", "rule"),
    "days": ("over", "about"),
    "amount": ("bedrag", "amount"),
    "balance": ("saldo", "balance"),
    "corrects": ("corrigeert afsluiting", "corrects close"),
    "policy": ("spelregels", "policy"),
    "account": ("rekening", "account"),
    "what": ("wat", "what"),
    "quantity": ("hoeveelheid", "quantity"),
    "unit": ("maat", "unit"),
    "credit": ("bijgeschreven", "credited"),
    "remark": ("opmerking", "remark"),
}
# Roles of accounts, and kinds of bookings, as Dutch readers know them.
_DUTCH = {
    "member": "lid",
    "issuance": "uitgifte",
    "retired": "ingeleverd",
    "cancelled": "afgeboekt",
    "clearing": "gereserveerd",
    "supplier": "leverancier",
    "entitlement": "recht",
    "transfer": "overdracht",
    "exchange": "ruil",
    "reserve": "reservering",
    "post": "uitvoering",
    "void": "vrijgave",
    "expire": "verlopen",
    "retire": "inlevering",
    "donate": "gift",
    "cancel": "afboeking",
    "reverse": "terugdraaiing",
    "close": "afsluiting",
    "write-off": "kwijtschelding",
}


def word(key: str, language: Language) -> str:
    return _WORDS[key][0 if language == "nl" else 1]


def in_language(term: str, language: Language) -> str:
    """A role or a kind in the language."""
    return _DUTCH.get(term, term) if language == "nl" else term


def is_risky(text: str) -> bool:
    """Whether a spreadsheet program could take a text for a formula, or run it."""
    return text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}


def tables(export: Export, language: Language) -> list[Table]:
    """All of an export: about it, balances, postings, members, and what was measured."""
    made = (_about, _balances, postings, _holders, _measured)
    return [one(export, language) for one in made]


def _table(title: str, columns: tuple[str, ...], language: Language) -> Table:
    return Table(word(title, language), tuple(word(one, language) for one in columns), [])


def _amount(export: Export, asset: str, amount: int) -> Decimal:
    scale = export.scales[asset]
    return Decimal(amount).scaleb(-scale).quantize(Decimal(1).scaleb(-scale))


def _about(export: Export, language: Language) -> Table:
    said: dict[str, Cell] = {
        "community": export.community,
        "first": export.days.first,
        "last": export.days.last,
        "closed_until": export.closed_until,
        "last_booking": export.last_booking,
    }
    rows = [(word(key, language), value) for key, value in said.items()]
    return Table(word("about", language), ("", ""), list(rows))


def _balances(export: Export, language: Language) -> Table:
    columns = ("holder", "role", "external_id", "name", "asset")
    table = _table("balances", (*columns, "opening", "received", "given", "closing"), language)
    received: dict[tuple[str, str], int] = {}
    given: dict[tuple[str, str], int] = {}
    for booked in export.bookings:
        for account, asset, amount, _ in booked.lines:
            side = received if amount > 0 else given
            side[account, asset] = side.get((account, asset), 0) + amount
    for account, holder in export.holders.items():
        who = (holder.id, in_language(holder.role, language), holder.external_id, holder.name)
        for asset in export.scales:
            key = account, asset
            if key in export.closing:
                amounts = (one.get(key, 0) for one in (export.opening, received, given))
                shown = [_amount(export, asset, one) for one in (*amounts, export.closing[key])]
                table.rows.append((*who, asset, *shown))
    return table


def postings(export: Export, language: Language) -> Table:
    """Every posting, with what its account held after it."""
    columns = ("booking", "day", "time", "kind", "rule", "days", "holder", "role", "external_id")
    more = ("name", "asset", "amount", "balance", "corrects", "policy")
    table = _table("postings", (*columns, *more), language)
    for booked in export.bookings:
        table.rows.extend(_posting(export, booked, line, language) for line in booked.lines)
        if not booked.lines:
            table.rows.append(_posting(export, booked, None, language))
    return table


def _posting(
    export: Export, booked: Booked, line: Line | None, language: Language
) -> tuple[Cell, ...]:
    about: tuple[Cell, ...] = (
        booked.seq,
        booked.day,
        booked.local[11:],
        in_language(booked.kind, language),
        booked.rule,
        days_text(booked.period) if booked.period else "",
    )
    after: tuple[Cell, ...] = (booked.corrects, booked.policy)
    if line is None:
        return (*about, "", "", "", "", "", None, None, *after)
    holder = export.holders[line.account]
    who = (holder.id, in_language(holder.role, language), holder.external_id, holder.name)
    amounts = (_amount(export, line.asset, n) for n in (line.amount, line.balance))
    return (*about, *who, line.asset, *amounts, *after)


def _holders(export: Export, language: Language) -> Table:
    table = _table("holders", ("holder", "role", "external_id", "name", "account"), language)
    for account, holder in export.holders.items():
        role = in_language(holder.role, language)
        table.rows.append((holder.id, role, holder.external_id, holder.name, account))
    return table


def _measured(export: Export, language: Language) -> Table:
    columns = ("rule", "holder", "what", "quantity", "unit", "credit", "asset")
    table = _table("measured", columns, language)
    table.rows.extend(_quantities(export))
    return table


def _quantities(export: Export) -> Iterator[tuple[Cell, ...]]:
    """Quantities are exact where they are decimals, else to the 28 digits of a Decimal."""
    for rule, holder, quantity, credit, asset in export.measured:
        if quantity:
            number = quantity.number()
            value = Decimal(number.numerator) / Decimal(number.denominator)
            yield rule, holder, quantity.key, value, quantity.unit, None, ""
        else:
            yield rule, holder, "", None, "", _amount(export, asset, credit), asset
