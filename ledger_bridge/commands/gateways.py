"""`meterkast hub gateways | tell | rekey | revoke | rotate`: how gateways fare, and their keys."""

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import cyclopts

from gateway.contract import rotation
from gateway.contract.clock import domain_clock
from gateway.contract.command import RESEND, WORDS, Command
from gateway.contract.errors import Problem, UsageError
from gateway.contract.keys import SigningKey
from ledger_bridge import gateways as seen
from ledger_bridge import orders
from ledger_bridge.books.facts.keyring import chains_begun
from ledger_bridge.books.registry.edits import (
    BridgeRotated,
    GatewayRekeyed,
    GatewayRevoked,
    LogHandedOver,
)
from ledger_bridge.certificates import Authority
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
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.invitations import Invitations

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


def rekey(
    given: str,
    /,
    *,
    from_: Annotated[tuple[str, ...], cyclopts.Parameter(negative="")] = (),
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Give a gateway another key, where the one it had is lost.

    What is stored stays as it was signed. From then on only the new key counts; what the old one
    signs is refused. A gateway that still has its key changes it itself: meterkast enrol --rotate.

    Parameters
    ----------
    given
        GATEWAY=KEY, the key as `meterkast enrol` printed it.
    from_
        CHAIN=NUMBER: from which number of a chain on the new key counts; without it, from the
        first that is not stored.
    """
    gateway, equals, key = given.partition("=")
    if not equals:
        raise UsageError(Problem(f"{given!r} names no key", "hub rekey", "GATEWAY=KEY"))
    books = read_books(config)
    chains = _chains(books, gateway, from_)
    edit(books.hub, GatewayRekeyed(gateway, key, tuple(sorted(chains.items()))))
    sentence = "\n".join(
        [f"{gateway} has another key", *(f"  {c} from {n} on" for c, n in sorted(chains.items()))]
    )
    tell(sentence, {"gateway": gateway, "key": key, "chains": chains}, json=json)


def revoke(
    gateway: str,
    /,
    *,
    from_: Annotated[tuple[str, ...], cyclopts.Parameter(negative="")] = (),
    reason: str = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Credit nothing that a gateway says from now on: it was stolen, or lies.

    What it says is still stored, and shown as not credited. The broker refuses its certificates
    once it has the new list. Whoever enrols anew by this name, with another key, counts again.

    Parameters
    ----------
    gateway
        Which one.
    from_
        CHAIN=NUMBER: from which number of a chain on nothing counts; what was credited for it is
        taken back. Without it, from the first that is not stored.
    reason
        Why, for those who look at the registry later.
    """
    books = read_books(config)
    chains = _chains(books, gateway, from_)
    edit(books.hub, GatewayRevoked(gateway, tuple(sorted(chains.items())), reason))
    Invitations(books.hub).forget(gateway)
    lines = [f"{gateway} is revoked", *(f"  {c} from {n} on" for c, n in sorted(chains.items()))]
    crl = ""
    if books.hub.tls_folder.exists():
        authority = Authority(books.hub.tls_folder)
        authority.revoke(gateway)
        crl = str(authority.revoked)
        lines.append(f"the broker lets it in until it has {crl} and is restarted (docs/mqtt.md)")
    tell("\n".join(lines), {"gateway": gateway, "chains": chains, "list": crl}, json=json)


def _chains(books: Reading, gateway: str, given: tuple[str, ...]) -> dict[str, int]:
    """From which number of each chain on something is so: as given, else the first not stored."""
    chains = chains_begun(books.db, books.community, gateway)
    for one in given:
        chain, _, number = one.partition("=")
        if not number.isascii() or not number.isdigit():
            raise UsageError(Problem(f"{one!r} names no number", "--from", "CHAIN=NUMBER"))
        chains[chain] = int(number)
    return chains


def rotate(whose: str, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Make a new key for the bridge or for the log; the old one signs that it hands over.

    Gateways learn the bridge's by themselves; who checks the log finds the way from the key they
    know in the file `keys` beside its checkpoint, and in every proof. The old key's file stays
    beside the new one.

    Parameters
    ----------
    whose
        bridge, or log.
    """
    if whose not in {"bridge", "log"}:
        what = f"no key of {whose!r} can be changed here"
        raise UsageError(Problem(what, "hub rotate", "bridge, or log; gateways: enrol --rotate"))
    books = read_books(config)
    hub, in_use = books.hub, getattr(books.registry, whose)
    if not hub.finish_rotation(whose, in_use):
        old, path = hub.key_in_use(whose, in_use), hub.next_key_path(whose)
        new = SigningKey.load(path) if path.exists() else SigningKey.create(path)
        who = rotation.BRIDGE if whose == "bridge" else rotation.LOG
        said = rotation.make(books.community, old=old, new=new, who=who).decode()
        edit(hub, BridgeRotated(said) if whose == "bridge" else LogHandedOver(said))
        in_use = new.public.x
        hub.finish_rotation(whose, in_use)
    tell(f"the {whose} signs with {in_use}", {f"{whose}_key": in_use}, json=json)
