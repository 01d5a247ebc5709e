"""`meterkast policy`: check the community's rules and put them in force."""

from pathlib import Path

import cyclopts

from gateway.contract import policy as papers
from gateway.contract.errors import ConfigError, Problem
from ledger_bridge.books import rules as rules_
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.commands.common import CONFIG, Config, Json, tell
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
def check(file: Path, /, *, json: Json = False) -> None:
    """Name every mistake in a policy file, or say in sentences what it would do."""
    _, policy = _read(file)
    rules = {rule.id: rules_.load(rule.rule).in_words(rule)[0] for rule in policy.rules}
    lines = [f"from {policy.day} on, days of {policy.time_zone}:"]
    lines += [f"  {name}: {words}" for name, words in rules.items()]
    tell("\n".join(lines), {"valid_from": policy.day, "rules": rules}, json=json)


@app.command
def activate(file: Path, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Sign a policy file and put it in force from its day on."""
    text, policy = _read(file)
    hub = Hub.load(config)
    document = papers.make(text, community=hub.community, key=hub.key("steward"))
    hashed = hand_in(hub, Paper("policy", document.decode()))
    outcome = {"valid_from": policy.day, "hash": hashed}
    tell(f"in force from {policy.day} on: {hashed}", outcome, json=json)
