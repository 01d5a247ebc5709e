"""`meterkast hub rekey | revoke | rotate`: keys of gateways, of the bridge and of the log."""

from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract import rotation, signed
from gateway.contract.errors import ConfigError, Problem, UsageError
from gateway.contract.writing import must_be_owner
from ledger_bridge.books.facts.keyring import chains_begun
from ledger_bridge.books.registry import recovered
from ledger_bridge.books.registry.edits import (
    BridgeRecovered,
    BridgeRotated,
    GatewayRekeyed,
    GatewayRevoked,
    LogHandedOver,
)
from ledger_bridge.books.registry.recovered import Recovered
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.common import CONFIG, Config, Json, Reading, edit, read_books, tell
from ledger_bridge.commands.papers import going_round, must_be_enough, send_round
from ledger_bridge.commands.restored import recover
from ledger_bridge.invitations import Invitations

PAPER = Path("bridge.signed")
BACKUP = "make a backup: those of before have the old key"


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
    stored = _chains(books, gateway, ())
    chains = _chains(books, gateway, from_)
    for chain, first in chains.items():
        if first > stored[chain]:
            what = f"{chain} is stored up to {stored[chain] - 1}, so that {first} is too late"
            raise UsageError(Problem(what, "--from", f"at most {chain}={stored[chain]}"))
    edit(books.hub, GatewayRevoked(gateway, tuple(sorted(chains.items())), reason))
    Invitations(books.hub).forget(gateway)
    lines = [f"{gateway} is revoked", *(f"  {c} from {n} on" for c, n in sorted(chains.items()))]
    crl = ""
    if books.hub.tls_folder.exists():
        crl = str(_take_back(books.hub.tls_folder, gateway))
        lines.append("the broker lets it in until it has the new list and is restarted:")
        lines.append(f"  sudo meterkast install mosquitto --config {config.resolve()} --yes")
        lines.append("  sudo systemctl restart mosquitto")
    tell("\n".join(lines), {"gateway": gateway, "chains": chains, "list": crl}, json=json)


def _take_back(folder: Path, gateway: str) -> Path:
    """Put a gateway's certificates on the CA's list. Raises ConfigError."""
    try:
        authority = Authority(folder)
    except ConfigError as error:
        problem = error.problems[0]
        what = f"{gateway} is revoked, and still let in by the broker: {problem.what}"
        raise ConfigError(problem._replace(what=what)) from error
    authority.revoke(gateway)
    return authority.revoked


def _chains(books: Reading, gateway: str, given: tuple[str, ...]) -> dict[str, int]:
    """From which number of each chain on something is so: as given, else the first not stored.

    Raises PeopleError where there is no such gateway, or it has no such chain.
    """
    books.registry.must_have(gateway, f"gateway {gateway}")
    chains = chains_begun(books.db, books.community, gateway)
    for one in given:
        chain, _, number = one.partition("=")
        if not number.isascii() or not number.isdigit():
            raise UsageError(Problem(f"{one!r} names no number", "--from", "CHAIN=NUMBER"))
        if chain not in chains:
            known = ", ".join(sorted(chains)) or "none yet"
            what = f"{gateway} has no chain {chain!r}"
            raise UsageError(Problem(what, "--from", f"its chains: {known}"))
        chains[chain] = int(number)
    return chains


def rotate(
    whose: str,
    /,
    *,
    lost: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    paper: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make a new key for the bridge or for the log; the old one signs that it hands over.

    Gateways learn the bridge's by themselves; who checks the log finds the way from the key they
    know in the file `keys` beside its checkpoint, and in every proof. The old key's file stays
    beside the new one.

    Parameters
    ----------
    whose
        bridge, or log.
    lost
        The bridge's old key is lost, or known to others: stewards sign instead, as many as for a
        policy, and each gateway has to be told. Stop the bridge. (The log's: hub restored.)
    paper
        Of --lost: the paper that went round, where more than one steward must sign.
    """
    must_be_owner(config.resolve().parent, "hub rotate")
    if lost or paper:
        _recover(whose, paper, config, json=json)
        return
    if whose not in {"bridge", "log"}:
        what = f"no key of {whose!r} can be changed here"
        raise UsageError(Problem(what, "hub rotate", "bridge, or log; gateways: enrol --rotate"))
    books = read_books(config)
    hub, in_use = books.hub, getattr(books.registry, whose)
    if not hub.finish_rotation(whose, in_use):
        old, new = hub.key_in_use(whose, in_use), hub.next_key(whose)
        who = rotation.BRIDGE if whose == "bridge" else rotation.LOG
        said = rotation.make(books.community, old=old, new=new, who=who).decode()
        edit(hub, BridgeRotated(said) if whose == "bridge" else LogHandedOver(said))
        in_use = new.public.x
        hub.finish_rotation(whose, in_use)
    tell(f"the {whose} signs with {in_use}\n{BACKUP}", {f"{whose}_key": in_use}, json=json)


def _recover(whose: str, paper: Path | None, config: Path, *, json: bool) -> None:
    """Give the bridge a key to which the lost one cannot hand over."""
    if whose != "bridge":
        try_ = "the log's: meterkast hub restored --new-key; a gateway's: meterkast hub rekey"
        raise UsageError(Problem("stewards recover the bridge's key here", "hub rotate", try_))
    books = read_books(config)
    hub, registry, own = books.hub, books.registry, books.hub.key("steward")
    if paper:
        made_by = "meterkast hub rotate bridge --lost"
        data = signed.add(going_round(paper, recovered.read, made_by=made_by), key=own)
    else:
        x = hub.next_key("bridge").public.x
        said = Recovered(books.community, registry.recoveries + 1, x)
        data = recovered.make(said, key=own)
        if registry.asked > 1:
            data = send_round(PAPER, data, key=own)
    must_be_enough(data, books, paper or PAPER)
    x = recovered.read(data).key
    recover(books, BridgeRecovered(data.decode()), whose="bridge", x=x, log=registry.log)
    lines = [f"the bridge signs with {x}", "each gateway has to know: enrol it again, or"]
    lines += [f'  bridge_key = "{x}"', BACKUP]
    tell("\n".join(lines), {"bridge_key": x}, json=json)
