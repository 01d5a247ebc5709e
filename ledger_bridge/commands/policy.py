"""`meterkast policy`: write the community's rules, try them, sign them, put them in force."""

from pathlib import Path
from typing import Annotated, Any

import cyclopts

from gateway.contract import policy as papers
from gateway.contract import signed
from gateway.contract.errors import Problem, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed
from ledger_bridge.books.policy import exchange, start
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.registry import recovered, restart, stewards
from ledger_bridge.books.telling.rules import of_policy
from ledger_bridge.commands.common import CONFIG, Config, Json, read_books, tell
from ledger_bridge.commands.key_files import beside, hand_in_files
from ledger_bridge.commands.papers import (
    is_signed,
    must_be_enough,
    must_follow,
    read_policy,
    text_of,
    write,
)
from ledger_bridge.commands.simulate import simulate
from ledger_bridge.commands.templates import template
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.hub import Hub

app = cyclopts.App(name="policy", help="The community's rules.")
app.command(simulate)
app.command(template)

Key = Annotated[
    Path | None, cyclopts.Parameter(name="--key", help="A steward's key; else the hub's.")
]


@app.command
def check(file: Path, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Name every mistake in a policy file, or say in sentences what it would do.

    Where there is a hub, it is also looked at whether the policy may follow the one in force.
    """
    policy = read_policy(file)
    told = of_policy(policy)
    if config.exists():
        books = read_books(config)
        must_follow(policy, books, file)
        told["notes"] += exchange.unopened(policy.exchanges, books.registry)
        *_, last = [None, *books.policies.in_order]
        if last and last.policy != policy:
            told["follows"] = last.policy.day
            told["notes"] += start.left_out(policy, last.policy)
    else:
        beside(policy, file)
    lines = [f"from {policy.day} on, days of {policy.time_zone}:"]
    for name, rule in (*told["rules"].items(), *told["exchanges"].items()):
        lines += [f"  {name}: {rule['en']}", f"  {' ' * len(name)}  {rule['nl']}"]
    lines += [f"note: {note}" for note in told["notes"]]
    if "follows" in told:
        lines.append(f"it may follow the policy of {told['follows']}")
    tell("\n".join(lines), told, json=json)


@app.command
def key(file: Path = Path("steward.key"), /, *, json: Json = False) -> None:
    """Make a steward's key, on the steward's own machine; print what the hub must know of it.

    Where the file is there already, its key is printed once more.
    """
    made = SigningKey.load(file) if file.exists() else SigningKey.create(file)
    tell(made.public.x, {"key": made.public.x, "file": str(file)}, json=json)


@app.command
def sign(file: Path, /, *, key: Key = None, config: Config = CONFIG, json: Json = False) -> None:
    """Sign a policy, or a paper that names stewards; gives the file to pass on to the next.

    Parameters
    ----------
    file
        policy.toml: makes policy.signed beside it. A .signed file gets one signature more.
    """
    own = SigningKey.load(key) if key else Hub.load(config).key("steward")
    text = text_of(file)
    if is_signed(text):
        data, to = _signed_again(text, file, own), file
    else:
        policy = policies.parse(text, name=str(file))
        data = papers.make(text, community=policy.community, key=own)
        to = file.with_suffix(".signed")
        if to.exists():
            try_ = f"meterkast policy sign {to}, or move it away where the policy has changed"
            raise UsageError(Problem("there is a signed paper already", str(to), try_))
    write(to, data)
    by = [document.kid for document in signed.parse_all(data)]
    told = {"file": str(to), "signatures": len(by), "by": by}
    tell(f"signed by {len(by)}: {to}", told, json=json)


def _signed_again(text: str, file: Path, own: SigningKey) -> bytes:
    """A paper with one signature more. Raises UsageError where it is none of ours."""
    data = text.strip().encode()
    try:
        if signed.parse_all(data)[0].typ == papers.POLICY:
            read_policy(file)
        elif signed.parse_all(data)[0].typ == restart.RESTART:
            restart.read(data)
        elif signed.parse_all(data)[0].typ == recovered.RECOVERED:
            recovered.read(data)
        else:
            stewards.read(data)
        return signed.add(data, key=own)
    except Malformed as error:
        raise UsageError(Problem(str(error), str(file), "a policy.toml or .signed file")) from error


@app.command
def activate(file: Path, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Put a policy in force from its day on, once enough stewards have signed it.

    Where the hub's own steward has not signed yet, this does so.

    Parameters
    ----------
    file
        policy.toml, or the .signed file that went round among the stewards.
    """
    policy, hub = read_policy(file), Hub.load(config)
    books = read_books(config)
    must_follow(policy, books, file)
    own, text = hub.key("steward"), text_of(file)
    if is_signed(text):
        data = signed.add(text.strip().encode(), key=own)
    else:
        data = papers.make(text, community=hub.community, key=own)
    must_be_enough(data, books, file)
    hand_in_files(policy, file, books)
    hashed = hand_in(hub, Paper("policy", data.decode()))
    outcome = {"valid_from": policy.day, "hash": hashed}
    tell(f"in force from {policy.day} on: {hashed}", outcome, json=json)


@app.command(name="list")
def list_(*, config: Config = CONFIG, json: Json = False) -> None:
    """The policies of the community, each with its day, its hash and what its rules do."""
    found: list[dict[str, Any]] = [
        {"hash": one.hash, **of_policy(one.policy)} for one in read_books(config).policies.in_order
    ]
    lines = []
    for one in found:
        lines.append(f"from {one['valid_from']} on: {one['hash']}")
        told = (*one["rules"].items(), *one["exchanges"].items())
        lines += [f"  {name}: {said['en']}" for name, said in told]
        lines += [f"  note: {note}" for note in one["notes"]]
    tell("\n".join(lines) or "no policy yet", found, json=json)
