"""`meterkast ledger transfer`, `exchange`, `reserve` and the other acts a steward signs."""

import secrets
import shlex
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.acts.kept import Live, reserved
from ledger_bridge.books.acts.requests import (
    Act,
    Cancel,
    Donate,
    Exchange,
    Post,
    Request,
    Reserve,
    Retire,
    Reverse,
    Transfer,
    Void,
    WriteOff,
    make,
)
from ledger_bridge.books.calendar import bounds_ms, day_of, local_text
from ledger_bridge.books.policy.assets import amount_of, amount_text
from ledger_bridge.books.telling.why import why
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    known_day,
    read_books,
    show,
    table,
    tell,
)
from ledger_bridge.desk import AGAIN, Paper, hand_in
from ledger_bridge.hub import Hub

Key = Annotated[
    str,
    cyclopts.Parameter(
        name="--key", help="Your own name for this act: the same key twice is the same act."
    ),
]

# The one that a new hub has.
POOL = "pool"


def ask(hub: Hub, act: Act, key: str, *, again: str = AGAIN) -> int:
    """Sign an act with the steward's key and hand it in; gives its booking. See `hand_in`."""
    document = make(Request(hub.community, key, act), key=hub.key("steward"))
    return int(hand_in(hub, Paper("act", document.decode()), again=again))


def _do(config: Path, act: Act, key: str, *, json: bool) -> None:
    """Ask for an act, and tell what came of it from the books."""
    key = key or secrets.token_hex(8)
    again = f"the same command with --key {shlex.quote(key)}"
    booking = ask(Hub.load(config), act, key, again=again)
    books = read_books(config)
    found = why(
        books.db, books.community, booking, registry=books.registry, policies=books.policies
    )
    tell(f"booking {booking}: {found['act']['sentence']}", _outcome(found), json=json)


def _outcome(found: dict[str, Any]) -> dict[str, Any]:
    act = found["act"]
    kept = ("sentence", "zin", "key", "lines", "policy")
    return {
        "booking": found["booking"],
        "kind": found["kind"],
        **{name: act[name] for name in kept},
    }


def _units(books: Reading, amount: str, asset: str) -> int:
    """The smallest units of an amount of an asset that somebody wrote."""
    known = dict.fromkeys(code for one in books.policies.in_order for code in one.policy.assets)
    if asset not in known:
        try_ = f"assets: {', '.join(known) or 'none yet'}"
        raise UsageError(Problem(f"no asset {asset!r}", "policy", try_))
    return amount_of(amount, books.policies.asset(asset).scale)


def transfer(
    giver: str,
    receiver: str,
    amount: str,
    asset: str,
    /,
    *,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Move credit from one member to another; a pool or the supplier goes by its name."""
    units = _units(read_books(config), amount, asset)
    _do(config, Transfer(giver, receiver, asset, units), key, json=json)


def donate(
    giver: str,
    amount: str,
    asset: str,
    /,
    *,
    to: str = POOL,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Give credit to a pool.

    Parameters
    ----------
    to
        The pool's name.
    """
    units = _units(read_books(config), amount, asset)
    _do(config, Donate(giver, to, asset, units), key, json=json)


def exchange(
    holder: str,
    exchange_id: str,
    amount: str,
    /,
    *,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Exchange one asset for another at the rate that the policy posts.

    Parameters
    ----------
    exchange_id
        The id under which the policy posts it.
    amount
        How much is given.
    """
    books = read_books(config)
    today = day_of(domain_clock().utc_ms(), books.policies.zone)
    in_force = books.policies.on(today)
    offers = {offer.id: offer for offer in in_force.policy.exchanges} if in_force else {}
    if exchange_id not in offers:
        known = ", ".join(offers) or "none; see docs/acts.md"
        what = f"no exchange {exchange_id!r} is posted"
        raise UsageError(Problem(what, "policy", f"posted: {known}"))
    units = _units(books, amount, offers[exchange_id].gives)
    _do(config, Exchange(holder, exchange_id, units), key, json=json)


def reserve(
    giver: str,
    receiver: str,
    amount: str,
    asset: str,
    /,
    *,
    until: date,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Set credit apart for somebody; unless it is posted in time, it goes back by itself.

    Parameters
    ----------
    until
        The last day on which it can be posted.
    """
    books = read_books(config)
    end_ms = bounds_ms(known_day(until), books.policies.zone)[1]
    units = _units(books, amount, asset)
    _do(config, Reserve(giver, receiver, asset, units, end_ms), key, json=json)


def reservations(*, config: Config = CONFIG, json: Json = False) -> None:
    """What is set apart now, with the number to post or void it by."""
    books = read_books(config)
    rows = [
        {
            "booking": one.booking,
            "giver": one.giver,
            "receiver": one.receiver,
            "amount": amount_text(one.amount, books.policies.asset(one.asset).scale),
            "asset": one.asset,
            "until": local_text(one.until_ms, books.policies.zone),
        }
        for one in reserved(books.db, books.community)
    ]
    if json:
        show(rows)
        return
    head = ("booking", "giver", "receiver", "amount", "asset", "until")
    table(head, [tuple(str(row[name]) for name in head) for row in rows])


def post(
    reservation: int,
    amount: str = "",
    /,
    *,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Hand over what was set apart.

    Parameters
    ----------
    reservation
        The number of its booking; see `meterkast ledger reservations`.
    amount
        A part of it, and the rest goes back; all of it where nothing is said.
    """
    units = None
    if amount:
        books = read_books(config)
        kept = Live(books.db, books.registry, books.policies, now_ms=0).reservation(reservation)
        if kept is None:
            what = f"booking {reservation} reserved nothing"
            raise UsageError(Problem(what, "ledger post", "meterkast ledger reservations"))
        units = _units(books, amount, kept.asset)
    _do(config, Post(reservation, units), key or f"post {reservation} {amount}".rstrip(), json=json)


def void(
    reservation: int, /, *, key: Key = "", config: Config = CONFIG, json: Json = False
) -> None:
    """Give back what was set apart, before its time is over."""
    _do(config, Void(reservation), key or f"void {reservation}", json=json)


def retire(
    holder: str,
    amount: str,
    asset: str,
    /,
    *,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Give credit back to the community for good."""
    units = _units(read_books(config), amount, asset)
    _do(config, Retire(holder, asset, units), key, json=json)


def cancel(
    holder: str,
    amount: str,
    asset: str,
    /,
    *,
    reference: str,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Take credit out of this book because it goes on in another.

    Parameters
    ----------
    reference
        In which book, and under what number there. No names of people: it stays in the log.
    """
    units = _units(read_books(config), amount, asset)
    _do(config, Cancel(holder, asset, units, reference), key, json=json)


def reverse(
    booking: int,
    /,
    *,
    reason: str,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Undo an act, once; whoever received must still have it.

    Parameters
    ----------
    reason
        Why. No names of people: it stays in the log.
    """
    _do(config, Reverse(booking, reason), key or f"reverse {booking}", json=json)


def write_off(
    member: str,
    asset: str,
    /,
    *,
    reason: str,
    pool: str = POOL,
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make what a member owes zero, at the cost of a pool.

    Parameters
    ----------
    reason
        Why. No names of people: it stays in the log.
    pool
        The pool's name.
    """
    _do(config, WriteOff(member, asset, pool, reason), key, json=json)


def tell_act(act: dict[str, Any]) -> None:
    """What `ledger why` prints of an act."""
    print(act["sentence"])
    table(
        ("who", "amount", "asset"),
        [(one["holder"], one["amount"], one["asset"]) for one in act["lines"]],
    )
    if act["undone_by"]:
        print(f"reversed by booking {act['undone_by']}")
    if act["ended_by"]:
        print(f"the reservation ended with booking {act['ended_by']}")
    if act["policy"]["hash"]:
        print(f"policy of {act['policy']['valid_from']}, {act['policy']['hash']}")
    if not act["request"]:
        print("nobody asked for it: the time was over")
        return
    print(f"asked for under the key {act['key']!r}, signed by {act['signed_by']}")
    print(act["request"])


def mount(app: cyclopts.App) -> None:
    """All acts, under `meterkast ledger`."""
    acts = (
        *(transfer, donate, exchange, reserve, reservations, post, void),
        *(retire, cancel, reverse, write_off),
    )
    for act in acts:
        app.command(act)
