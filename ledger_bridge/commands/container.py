"""`meterkast container`: what was brought, what was hauled away, and the scales between."""

import cyclopts

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.facts.containers import containers, known_weights, turned_away
from ledger_bridge.books.registry.edits import EmptyingExplained
from ledger_bridge.books.telling.recycling import kg
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    edit,
    read_books,
    show,
    split_place,
    table,
    tell,
)

app = cyclopts.App(name="container", help="What was brought, and what was hauled away.")


@app.command(name="list")
def list_(*, config: Config = CONFIG, json: Json = False) -> None:
    """Every container with its emptyings; test weights; what the points turned away."""
    books = read_books(config)
    found = containers(books.db, books.community, registry=books.registry)
    weights = known_weights(books.db, books.community, registry=books.registry)
    turned = turned_away(books.db, books.community)
    if json:
        show({"containers": found, "weights": weights, "turned_away": turned})
        return
    rows = [
        (
            f"{one['gateway']} {one['fraction']}",
            emptying["at"],
            kg(emptying["delivered_mg"]),
            kg(emptying["hauled_mg"]) if emptying["hauled_mg"] is not None else "not yet",
            emptying["explained"] or emptying["sentence"],
        )
        for one in found
        for emptying in one["emptyings"]
    ]
    inside = [(f"{o['gateway']} {o['fraction']}", "", kg(o["inside_mg"]), "", "") for o in found]
    table(("container", "emptied", "brought", "hauled", ""), [*rows, *inside])
    for one in weights:
        shown, nominal = kg(one["shown_mg"]), kg(one["nominal_mg"])
        remark = one["sentence"] or "good"
        print(f"{one['gateway']}/{one['device']}: {shown} for {nominal}, {one['at']}: {remark}")
    for one in turned:
        print(f"{one['gateway']}: turned away {one['times']}x: {one['reason']}")


@app.command
def explain(emptying: str, /, *, reason: str, config: Config = CONFIG, json: Json = False) -> None:
    """Say why a container had less in it than was brought; the emptying waits no longer.

    Parameters
    ----------
    emptying
        GATEWAY/EMPTYING, as `meterkast ledger held` shows it.
    reason
        What you found out; kept for good.
    """
    gateway, name = split_place(emptying, where="container explain", form="GATEWAY/EMPTYING")
    books = read_books(config)
    known = [
        one["emptying"]
        for container in containers(books.db, books.community, registry=books.registry)
        if container["gateway"] == gateway
        for one in container["emptyings"]
    ]
    if name not in known:
        what = f"there is no emptying {name!r} of {gateway!r}"
        raise UsageError(Problem(what, "container explain", "meterkast container list --json"))
    edit(books.hub, EmptyingExplained(gateway, name, reason))
    outcome = {"emptying": name, "gateway": gateway, "explained": reason}
    tell(f"emptying {name} is explained: {reason}", outcome, json=json)
