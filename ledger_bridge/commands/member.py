"""`meterkast member`: members, their cards and the codes on their slips."""

import csv
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import cyclopts

from gateway.contract.cards import claim as claim_token
from gateway.contract.cards import plain, token
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.books.registry.edits import CardGiven, Edit, MemberAdded, MeterFitted
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    edit,
    known_member,
    per_pulse_of,
    read_books,
    tell,
)
from ledger_bridge.hub import Hub

app = cyclopts.App(name="member", help="Members and their cards.")

COLUMNS = (
    "member",
    "name",
    "external_id",
    "gateway",
    "device",
    "serial",
    "pulses_per_kwh",
    "per_pulse",
    "card",
)


@app.command
def add(
    member: str,
    /,
    *,
    name: str = "",
    external_id: str = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Add a member; their account gets a random number.

    Parameters
    ----------
    member
        The member's id: 1 to 40 of a-z, 0-9 and -.
    name
        How people call them; kept apart and erasable.
    external_id
        Their number in another administration.
    """
    people = {member: (name or member, external_id)}
    edit(Hub.load(config), MemberAdded(member, secrets.token_hex(8)), people=people)
    tell(f"added {member}", {"member": member}, json=json)


@app.command
def card(member: str, number: str, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Give a member a card; deposits made with it before count from now on as well.

    Parameters
    ----------
    number
        The number as the card reader gives it. Only its keyed hash is kept.
    """
    books = read_books(config)
    token_ = token(number, books.hub.card_key())
    _must_be_free(token_, member, cards=books.registry.cards, where="member card")
    edit(books.hub, CardGiven(token_, member))
    tell(f"card given to {member}", {"member": member}, json=json)


def _must_be_free(token_: str, member: str, *, cards: Mapping[str, str], where: str) -> None:
    """What was brought with a card is its holder's: another's card brings all of it along."""
    if (owner := cards.get(token_, member)) != member:
        raise UsageError(Problem(f"this card is {owner}'s", where, "another card"))


# Crockford's base 32 has no I, L, O or U.
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")


@app.command
def claim(member: str, code: str, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Give a member the deposit that was kept under the code on their slip.

    Where the card it was made with is given to somebody, that card goes first.

    Parameters
    ----------
    code
        The code on the slip, such as K7QM-3RXA.
    """
    books = read_books(config)
    if not _CODE.fullmatch(plain(code)):
        raise UsageError(Problem(f"{code!r} is no code", "member claim", "such as K7QM-3RXA"))
    token_ = claim_token(code, books.hub.card_key())
    owner = books.registry.cards.get(token_)
    if owner not in {None, member}:
        what = f"this code was given to {owner}"
        raise UsageError(Problem(what, f"code {code}", "read the slip once more"))
    edit(books.hub, CardGiven(token_, known_member(books.registry, member)))
    (number,) = books.db.execute(
        "SELECT count(*) FROM deposit WHERE community = ? AND claim = ?", (books.community, token_)
    ).fetchone()
    waits = "" if number else "; no deposit has come under it yet"
    outcome = {"member": member, "code": code, "deposits": number}
    tell(f"code {code} is {member}'s{waits}", outcome, json=json)


@app.command(name="import")
def import_(file: Path, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Add members, meters and cards from a CSV file: all of it, or nothing.

    Columns: member, name, external_id, gateway, device, serial, pulses_per_kwh, per_pulse, card;
    those that nobody needs may be left out. A member with a second meter or card stands on a
    further line.
    """
    hub = Hub.load(config)
    rows = _rows(file)
    registry = read_books(config).registry
    known, cards = set(registry.accounts), dict(registry.cards)
    edits: list[Edit] = []
    people: dict[str, tuple[str, str]] = {}
    card_key = hub.card_key()
    for number, row in enumerate(rows, start=2):
        member = row["member"]
        if member not in known:
            known.add(member)
            edits.append(MemberAdded(member, secrets.token_hex(8)))
            people[member] = (row["name"] or member, row["external_id"])
        if row["device"]:
            worth = per_pulse_of(
                pulses_per_kwh=row["pulses_per_kwh"],
                per_pulse=row["per_pulse"],
                where=f"{file} line {number}",
            )
            place = (row["gateway"], row["device"], row["serial"])
            edits.append(MeterFitted(*place, member, 0, per_pulse=worth))
        if row["card"]:
            token_ = token(row["card"], card_key)
            _must_be_free(token_, member, cards=cards, where=f"{file} line {number}")
            cards[token_] = member
            edits.append(CardGiven(token_, member))
    edit(hub, *edits, people=people)
    others = len(edits) - len(people)
    counts = {"members": len(people), "meters_and_cards": others}
    tell(f"{len(people)} members added, {others} meters and cards", counts, json=json)


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
