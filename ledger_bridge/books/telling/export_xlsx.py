"""Tables as a workbook: numbers as numbers, a frozen head, columns as wide as they need.

Spec: ECMA-376, SpreadsheetML. Spreadsheet programs calculate with 15 digits.
"""

import io
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from ledger_bridge.books.telling.export_tables import Cell, Table, is_risky

# Wider than this a column hides its neighbours.
WIDTH_MAX = 40
# A workbook has no room for these.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BOLD = Font(bold=True)


def write(tables: Iterable[Table]) -> bytes:
    """A workbook with a sheet for each table."""
    book = Workbook(write_only=True)
    for table in tables:
        _sheet(book.create_sheet(table.title), table)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet(sheet: Any, table: Table) -> None:
    sheet.freeze_panes = "A2"
    for number, name in enumerate(table.head, start=1):
        shown = [name, *(_width(row[number - 1]) for row in table.rows)]
        width = max(len(one) for one in shown)
        sheet.column_dimensions[get_column_letter(number)].width = min(width + 2, WIDTH_MAX)
    if table.rows and any(table.head):
        last = get_column_letter(len(table.head))
        sheet.auto_filter.ref = f"A1:{last}{len(table.rows) + 1}"
    if any(table.head):
        sheet.append([_cell(sheet, name, is_head=True) for name in table.head])
    for row in table.rows:
        sheet.append([_cell(sheet, value) for value in row])


def _width(cell: Cell) -> str:
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell or "")


def _cell(sheet: Any, value: Cell, *, is_head: bool = False) -> Any:
    """A cell. What could be taken for a formula is a text, and stays one when it is edited."""
    if value == "":
        return None
    if isinstance(value, str):
        value = _CONTROL.sub(" ", value)
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str) and is_risky(value):
        cell.data_type = "s"
        cell.quotePrefix = True
    if is_head:
        cell.font = _BOLD
    if isinstance(value, Decimal):
        places = len(f"{value:f}".partition(".")[2])
        cell.number_format = f"0.{'0' * places}" if places else "0"
    return cell
