"""`meterkast policy`: check the community's rules and put them in force."""

from pathlib import Path

import cyclopts

from gateway.contract.errors import ConfigError, Problem
from ledger_bridge.books import policy as policies
from ledger_bridge.books.policy import Policy
from ledger_bridge.commands.common import CONFIG, Config
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.hub import Hub

app = cyclopts.App(name="policy", help="The community's rules.")


def _read(file: Path) -> tuple[str, Policy]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(f"cannot be read: {error}", str(file), "another file")) from error
    return text, policies.parse(text, name=str(file))


@app.command
def check(file: Path, /) -> None:
    """Name every mistake in a policy file, or say in sentences what it would do."""
    _, policy = _read(file)
    print(f"from {policy.day} on, days of {policy.time_zone}:")
    for rule in policy.rules:
        print(f"  {rule.id}: {rule.rule} in {rule.asset}")


@app.command
def activate(file: Path, /, *, config: Config = CONFIG) -> None:
    """Sign a policy file and put it in force from its day on."""
    text, policy = _read(file)
    hub = Hub.load(config)
    document = policies.make(text, community=hub.community, key=hub.key("steward"))
    hashed = hand_in(hub, Paper("policy", document.decode()))
    print(f"in force from {policy.day} on: {hashed}")
