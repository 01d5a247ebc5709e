"""`meterkast ledger export`: the book of a period for the treasurer's own programs."""

import os
from pathlib import Path
from typing import Annotated, Literal

import cyclopts

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.telling import export_csv, export_journal
from ledger_bridge.books.telling.export import Export, collect
from ledger_bridge.books.telling.export_tables import Language, postings, tables
from ledger_bridge.commands.common import CONFIG, Config, Json, read_books, tell

Format = Literal["xlsx", "csv", "beancount", "hledger"]


def written(export: Export, form: Format, language: Language) -> bytes:
    """An export in one of the forms."""
    match form:
        case "csv":
            return export_csv.write(postings(export, language))
        case "xlsx":
            # A library that nothing else takes, and that takes its time.
            from ledger_bridge.books.telling import export_xlsx  # noqa: PLC0415

            return export_xlsx.write(tables(export, language))
        case "beancount":
            return export_journal.beancount(export)
        case "hledger":
            return export_journal.hledger(export)


def export(
    *,
    format_: Annotated[Format, cyclopts.Parameter(name="--format")],
    out: Path,
    period: str = "",
    language: Language = "nl",
    names: bool = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Write the book of a period to a file for a spreadsheet or an accounting program.

    Parameters
    ----------
    period
        A local day, month or year, or from one to another: 2026-06-15..2026-07-12. All by default.
    language
        Of heads and words in spreadsheets.
    names
        Also the members' names; without them their ids and external ids only.
    """
    books = read_books(config)
    found = collect(
        books.db,
        books.community,
        period,
        registry=books.registry,
        policies=books.policies,
        with_names=names,
    )
    _put(out, written(found, format_, language))
    sentence = f"{out}: {len(found.bookings)} bookings, {found.days.first} to {found.days.last}"
    tell(
        sentence,
        {
            "file": str(out),
            "format": format_,
            "bookings": len(found.bookings),
            "first": found.days.first,
            "last": found.days.last,
        },
        json=json,
    )


def _put(path: Path, data: bytes) -> None:
    """The file whole, or as it was before; for its owner's eyes."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        what = f"the export cannot be written: {error.strerror}"
        raise PeopleError(
            Problem(what, f"--out {path}", "name a file in a folder of yours")
        ) from error
