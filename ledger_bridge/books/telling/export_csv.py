"""A table as Dutch spreadsheet programs read it: semicolons, decimal commas, and a BOM.

Spec: RFC 4180 with the separator of a Dutch Windows, UTF-8 with a byte order mark.
"""

import csv
import io
from decimal import Decimal

from ledger_bridge.books.telling.export_tables import Cell, Table, is_risky


def write(table: Table) -> bytes:
    """A file of the table, with its head."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(table.head)
    rows.writerows([_text(cell) for cell in row] for row in table.rows)
    return text.getvalue().encode("utf-8-sig")


def _text(cell: Cell) -> str:
    """A cell as text; an apostrophe goes before what could be taken for a formula."""
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}".replace(".", ",")
        case int():
            return str(cell)
    return f"'{cell}" if is_risky(cell) else cell
