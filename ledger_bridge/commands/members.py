"""`meterkast member import`: many members at once, and what changed about those who are there."""

import csv
import secrets
from collections.abc import Mapping
from pathlib import Path

from gateway.contract.cards import token
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.books.registry.edits import CardGiven, Edit, MemberAdded, MeterFitted
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    edit,
    per_pulse_of,
    read_books,
    split_sources,
    tell,
)

COLUMNS = (
    "member",
    "name",
    "external_id",
    "gateway",
    "device",
    "serial",
    "pulses_per_kwh",
    "per_pulse",
    "behind",
    "point",
    "share",
    "sources",
    "digits",
    "card",
)


def must_be_free(token_: str, member: str, *, cards: Mapping[str, str], where: str) -> None:
    """What was brought with a card is its holder's: another's card brings all of it along."""
    if (owner := cards.get(token_, member)) != member:
        raise UsageError(Problem(f"this card is {owner}'s", where, "another card"))


def import_(file: Path, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Add members, meters and cards from a CSV file: all of it, or nothing.

    Columns: member, name, external_id, gateway, device, serial, pulses_per_kwh, per_pulse, behind,
    point, share, sources, digits, card; those that nobody needs may be left out. A member with a
    second meter or card stands on a further line. A meter with anything but "no" under behind hangs
    behind another one; a point without gateway and device is known by official figures alone. Of a
    member who is there already, a name or number that is not empty is the new one.
    """
    books = read_books(config)
    people = _People(books)
    known, cards = set(books.registry.accounts), dict(books.registry.cards)
    edits: list[Edit] = []
    card_key = books.hub.card_key()
    added = 0
    for number, row in enumerate(_rows(file), start=2):
        member, where = row["member"], f"{file} line {number}"
        if member not in known:
            known.add(member)
            added += 1
            edits.append(MemberAdded(member, secrets.token_hex(8)))
        people.read(member, row["name"], row["external_id"], where=where)
        if row["device"] or row["point"]:
            worth = per_pulse_of(
                pulses_per_kwh=row["pulses_per_kwh"], per_pulse=row["per_pulse"], where=where
            )
            edits.append(_fit(row, worth, where=where))
        if row["card"]:
            token_ = token(row["card"], card_key)
            must_be_free(token_, member, cards=cards, where=where)
            cards[token_] = member
            edits.append(CardGiven(token_, member))
    if edits or people.changed:
        edit(books.hub, *edits, people=people.changed)
    changed, others = len(people.changed) - added, len(edits) - added
    tell(
        f"{added} members added, {changed} changed, {others} meters and cards",
        {"members": added, "changed": changed, "meters_and_cards": others},
        json=json,
    )


def _fit(row: Mapping[str, str], worth: str, *, where: str) -> MeterFitted:
    """The meter of a line; a point without a gateway stands there with its name alone."""
    digits = row["digits"] or "0"
    if not digits.isdecimal():
        raise UsageError(Problem(f"{digits!r} is no number of digits", where, "such as 6"))
    return MeterFitted(
        row["gateway"],
        row["device"] or row["point"],
        row["serial"],
        row["member"],
        0,
        per_pulse=worth,
        point=row["point"],
        share=row["share"] or "1",
        sources=split_sources(row["sources"].replace(";", ",")),
        digits=int(digits),
        behind=row["behind"].lower() not in {"", "no", "nee", "0"},
    )


class _People:
    """Names and numbers elsewhere, as the books have them and as a file changes them."""

    def __init__(self, books: Reading) -> None:
        self._known: dict[str, tuple[str, str]] = {
            member: (name, external_id)
            for member, name, external_id in books.db.execute(
                "SELECT member, name, external_id FROM person WHERE community = ?",
                (books.community,),
            )
        }
        self._whose = {number: member for member, (_, number) in self._known.items() if number}
        self.changed: dict[str, tuple[str, str]] = {}

    def read(self, member: str, name: str, external_id: str, *, where: str) -> None:
        """Raises UsageError where the number elsewhere is somebody else's."""
        owner = self._whose.setdefault(external_id, member) if external_id else member
        if owner != member:
            what = f"external_id {external_id!r} is {owner}'s"
            raise UsageError(Problem(what, where, "another number, or none"))
        before = self._known.get(member, ("", ""))
        after = (name or before[0] or member, external_id or before[1])
        if after != before:
            self._known[member] = self.changed[member] = after


def _rows(file: Path) -> list[dict[str, str]]:
    """The lines of the file with every column there, missing ones empty."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = [{name: (row.get(name) or "").strip() for name in COLUMNS} for row in reader]
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigError(Problem(what, str(file), "another file")) from error
    except (UnicodeDecodeError, csv.Error) as error:
        what = f"not a CSV file in UTF-8: {error}"
        raise ConfigError(Problem(what, str(file), "save it as CSV in UTF-8")) from error
    problems = [
        Problem(f"unknown column {name!r}", f"{file} line 1", f"columns: {', '.join(COLUMNS)}")
        for name in columns
        if name not in COLUMNS
    ]
    problems += [
        Problem("a line without a member", f"{file} line {number}", "fill in the column member")
        for number, row in enumerate(rows, start=2)
        if not row["member"]
    ]
    if problems:
        raise ConfigError(*problems)
    return rows
