"""A member's statement as tables in Dutch or English: what was earned, and what was booked."""

from collections.abc import Iterator
from decimal import Decimal

from ledger_bridge.books.telling.export_tables import Cell, Language, Table, in_language, word
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.what import much

_TITLES = {"nl": ("Verdiend", "Geboekt"), "en": ("Earned", "Booked")}
_BALANCES = {"nl": ("beginsaldo", "eindsaldo"), "en": ("opening", "closing")}


def earned(statement: Json, language: Language) -> Table:
    """What was measured and credited for it, claim by claim; texts of people in the language."""
    columns = ("days", "rule", "what", "quantity", "credit", "asset", "remark")
    head = tuple(word(one, language) for one in columns)
    return Table(_TITLES[language][0], head, list(_claims(statement, language)))


def _claims(statement: Json, language: Language) -> Iterator[tuple[Cell, ...]]:
    """A claim of several quantities has a row for each, and its credit stands in the first."""
    for line in statement["lines"]:
        credit: Cell = Decimal(line["credit"])
        said = line["zin" if language == "nl" else "sentence"]
        for key, measured in line["measured"].items() or [("", "")]:
            quantity = much(measured, language) if measured else ""
            yield line["days"], line["rule"], key, quantity, credit, line["asset"], said
            credit, said = None, ""


def booked(statement: Json, language: Language) -> Table:
    """Every line of the period with the balance after it, from the opening to the closing."""
    columns = ("booking", "day", "what", "amount", "asset", "balance", "remark")
    table = Table(_TITLES[language][1], tuple(word(one, language) for one in columns), [])
    opening, closing = _BALANCES[language]
    for asset, amount in statement["opening"].items():
        table.rows.append((None, statement["first"], opening, None, asset, Decimal(amount), ""))
    for line in statement["lines"]:
        about = (
            f"{line['rule']} {line['days']}"
            if line["rule"]
            else in_language(line["kind"], language)
        )
        said = line["zin" if language == "nl" else "sentence"]
        amounts = Decimal(line["amount"]), line["asset"], Decimal(line["balance"])
        table.rows.append((line["booking"], line["local"], about, *amounts, said))
    for asset, amount in statement["closing"].items():
        table.rows.append((None, statement["last"], closing, None, asset, Decimal(amount), ""))
    return table
