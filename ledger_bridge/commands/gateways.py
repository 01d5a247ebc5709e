"""`meterkast hub gateways | tell`: how gateways fare, and what they are told to do."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from gateway.contract.clock import domain_clock
from gateway.contract.command import RESEND, WORDS, Command
from gateway.contract.errors import Problem, UsageError
from ledger_bridge import gateways as seen
from ledger_bridge import orders
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    read_books,
    show,
    table,
    tell,
)
from ledger_bridge.desk import Paper, hand_in

Row = dict[str, Any]

# How often a command that waits looks into the books.
LOOK_S = 0.2


def gateways(*, config: Config = CONFIG, json: Json = False) -> int:
    """How each gateway fares: how far its chains are, what is missing, lost, or refused.

    Exit 1 where a gateway is silent, or something of it is missing or held.
    """
    books = read_books(config)
    told = seen.gateways(
        books.db, books.community, registry=books.registry, now_ms=domain_clock().utc_ms()
    )
    if json:
        show(told)
    else:
        head = ("gateway", "state", "last record", "chain", "up to", "trouble")
        rows = [row for gateway in told for row in _rows(gateway)]
        table(head, rows)
        for gateway in told:
            for one in gateway["refused"]:
                print(f"{gateway['gateway']}: refused {one['count']} times: {one['reason']}")
    return 1 if any(map(_is_trouble, told)) else 0


def _is_trouble(gateway: Row) -> bool:
    chains = gateway["chains"]
    return bool(gateway["silent_min"]) or any(one["missing"] or one["held"] for one in chains)


def _rows(gateway: Row) -> list[tuple[str, ...]]:
    """The lines of one gateway in the table."""
    name, state = gateway["gateway"], gateway["state"] or "-"
    when = _time(gateway["seen_ms"])
    silence = f"silent for {gateway['silent_min']} minutes" if gateway["silent_min"] else ""
    silence = "revoked: it counts for nothing" if gateway["revoked"] else silence
    if not gateway["chains"]:
        return [(name, state, when, "-", "-", silence or "nothing came yet")]
    rows: list[tuple[str, ...]] = []
    for one in gateway["chains"]:
        trouble = "; ".join(filter(None, [silence, *_troubles(one)]))
        rows.append((name, state, when, one["chain"], str(one["up_to"]), trouble))
        silence = ""
    return rows


def _troubles(chain: Row) -> list[str]:
    held = [f"held: {chain['held']}"] if chain["held"] else []
    missing = [f"missing {_range(one)}" for one in chain["missing"]]
    lost = [f"lost {_range(one)} ({one['why']})" for one in chain["lost"]]
    return held + missing + lost


def _range(one: Row) -> str:
    first, last = one["first"], one["last"]
    return str(first) if first == last else f"{first} to {last}"


def _time(at_ms: int | None) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%MZ}" if at_ms else "-"


def tell_gateway(
    gateway: str,
    word: str,
    /,
    *,
    device: str = "",
    chain: str = "",
    first: int = 1,
    last: int = 0,
    wait: int = 15,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Tell a gateway to do something, and wait a little for its answer.

    The bridge says it again and again until the gateway answers, as long as it is good for.

    Parameters
    ----------
    gateway
        Which one.
    word
        telegram: give the newest telegram of a device now. tare, zero: to a scale. resend: give
        records once more that are missing here.
    device
        Of telegram, tare and zero: the device, as its block in gateway.toml is called.
    chain
        Of resend: the chain.
    first
        Of resend: the first number.
    last
        Of resend: the last number.
    wait
        So many seconds the command waits for the answer; 0 for none.
    """
    if word not in WORDS:
        raise UsageError(Problem(f"no such command {word!r}", "hub tell", ", ".join(WORDS)))
    books = read_books(config)
    order = Command(
        community=books.community,
        gateway=gateway,
        id=secrets.token_hex(8),
        word=word,
        expires_ms=domain_clock().utc_ms() + orders.GOOD_MS[word],
        chain=chain if word == RESEND else "",
        first=first if word == RESEND else 0,
        last=last if word == RESEND else 0,
        device="" if word == RESEND else device,
    )
    document = orders.make(order, key=books.hub.key("steward"))
    hand_in(books.hub, Paper("order", document.decode()))
    outcome, why = _answer(config, order, wait)
    readings = orders.readings(books.db, order)
    sentence = f"{gateway} is told to {word}: {outcome}" + (f", {why}" if why else "")
    lines = [f"  {name}  {value} {unit}".rstrip() for name, value, unit in readings]
    named = [dict(zip(("name", "value", "unit"), one, strict=True)) for one in readings]
    said = {"id": order.id, "outcome": outcome, "why": why, "readings": named}
    tell("\n".join([sentence, *lines]), said, json=json)
    return 0 if outcome == "done" or not wait else 1


def _answer(config: Config, order: Command, wait_s: int) -> tuple[str, str]:
    """What became of an order within some seconds, and why."""
    deadline_s = time.monotonic() + wait_s
    while True:
        books = read_books(config)
        outcome, why = orders.outcome(books.db, order, now_ms=domain_clock().utc_ms())
        books.db.close()
        if outcome != orders.WAITS or time.monotonic() >= deadline_s:
            return outcome, why
        time.sleep(LOOK_S)
