"""Whose each account is: an answer, and a table for the views of the books."""

import sqlite3
from typing import NamedTuple

from ledger_bridge.books.registry.registry import Registry

MEMBER, ISSUANCE = "member", "issuance"


class Holder(NamedTuple):
    """A member by id, or an account by what it is called; and its role."""

    name: str
    role: str


def holders(registry: Registry) -> dict[str, Holder]:
    """Whose each account is, by its random id: members, issuance, then the others."""
    found = {account: Holder(member, MEMBER) for member, account in registry.accounts.items()}
    if registry.founded:
        found[registry.founded.issuance] = Holder(ISSUANCE, ISSUANCE)
    return found | {one.id: Holder(name, one.role) for name, one in registry.others.items()}


def rows(registry: Registry) -> list[tuple[str, str, str, str]]:
    """The rows of the table `holder`."""
    return [(registry.community, account, *one) for account, one in holders(registry).items()]


def write(db: sqlite3.Connection, registry: Registry) -> None:
    """Let the table say what the registry does; inside the caller's transaction."""
    which = (registry.community,)
    stored = set(db.execute("SELECT * FROM holder WHERE community = ?", which))
    if stored != set(rows(registry)):
        db.execute("DELETE FROM holder WHERE community = ?", which)
        db.executemany("INSERT INTO holder VALUES (?, ?, ?, ?)", rows(registry))
