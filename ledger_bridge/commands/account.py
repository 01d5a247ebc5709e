"""`meterkast account`: accounts that are no member's, and what acts may bring an account to."""

import secrets
from typing import Literal

import cyclopts

from ledger_bridge.books.policy.assets import amount_of, amount_text
from ledger_bridge.books.registry.edits import AccountOpened, LimitSet
from ledger_bridge.books.registry.registry import ROLES
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    edit,
    read_books,
    show,
    table,
    tell,
)
from ledger_bridge.hub import Hub

app = cyclopts.App(name="account", help="Accounts that are no member's, and limits for acts.")

Role = Literal["pool", "retired", "cancelled", "clearing", "supplier"]


def opened(*roles: str) -> list[AccountOpened]:
    """Accounts with random ids, each called as its role."""
    return [AccountOpened(secrets.token_hex(8), role, role) for role in roles or ROLES]


@app.command(name="open")
def open_(role: Role, name: str = "", /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Open an account that is no member's. A new hub has one of each role.

    Parameters
    ----------
    role
        What it is for. There may be several pools, and one account of each other role.
    name
        What it is called, if not as its role: 1 to 40 of a-z, 0-9 and -.
    """
    called = name or role
    edit(Hub.load(config), AccountOpened(secrets.token_hex(8), role, called))
    outcome = {"account": called, "role": role}
    tell(f"opened {called}, an account of role {role}", outcome, json=json)


@app.command(name="list")
def list_(*, config: Config = CONFIG, json: Json = False) -> None:
    """The accounts that are no member's, and the limits that were agreed.

    What they hold: `meterkast ledger balance`.
    """
    books = read_books(config)
    accounts = [(name, one.role) for name, one in books.registry.others.items()]
    limits = [
        {"holder": holder, "asset": asset, **_limits(books, holder, asset)}
        for holder, asset in sorted(books.registry.limits)
    ]
    if json:
        said = [{"account": name, "role": role} for name, role in accounts]
        show({"accounts": said, "limits": limits})
        return
    table(("account", "role"), accounts)
    if limits:
        print()
        head = ("holder", "asset", "floor", "ceiling")
        table(head, [tuple(one[name] or "" for name in head) for one in limits])


def _limits(books: Reading, holder: str, asset: str) -> dict[str, str | None]:
    limit = books.registry.limits[holder, asset]
    scale = books.policies.asset(asset).scale
    return {
        "floor": None if limit.floor is None else amount_text(limit.floor, scale),
        "ceiling": None if limit.ceiling is None else amount_text(limit.ceiling, scale),
    }


@app.command
def limit(
    holder: str,
    asset: str,
    /,
    *,
    reason: str,
    floor: str | None = None,
    ceiling: str | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say how far acts may bring an account, other than the policy says for everybody.

    What is earned or corrected never looks at it.

    Parameters
    ----------
    holder
        A member, or an account by its name.
    reason
        What was agreed, kept with it. No names of people: it stays in the log.
    floor
        The least it may hold after giving, such as -50; what the policy says where it is left away.
    ceiling
        The most it may hold after receiving; what the policy says where it is left away.
    """
    books = read_books(config)
    scale = books.policies.asset(asset).scale
    floor_units = None if floor is None else amount_of(floor, scale)
    ceiling_units = None if ceiling is None else amount_of(ceiling, scale)
    edit(books.hub, LimitSet(holder, asset, floor_units, ceiling_units, reason))
    bounds = f"floor {floor or 'as the policy says'}, ceiling {ceiling or 'as the policy says'}"
    outcome = {"holder": holder, "asset": asset, "floor": floor, "ceiling": ceiling}
    tell(f"{holder}, {asset}: {bounds}", outcome, json=json)
