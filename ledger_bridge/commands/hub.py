"""`meterkast hub`: found a community, admit its gateways, and see how they fare."""

import errno
import os
import secrets
import shutil
from pathlib import Path

import cyclopts

from gateway.contract import record, settings
from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.link import Broker
from gateway.contract.schema import sync
from gateway.contract.writing import Planned, must_be_owner, write
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.registry.edits import Founded, GatewayAdmitted
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.account import opened
from ledger_bridge.commands.certificate import certificate
from ledger_bridge.commands.common import CONFIG, Config, Json, edit, read_books, show, tell
from ledger_bridge.commands.enrolment import enrol, invite
from ledger_bridge.commands.gateways import gateways as gateways_
from ledger_bridge.commands.gateways import tell_gateway
from ledger_bridge.commands.keys import rekey, revoke, rotate
from ledger_bridge.commands.restored import restored
from ledger_bridge.commands.series import series
from ledger_bridge.commands.stewards import stewards
from ledger_bridge.commands.templates import fill_in
from ledger_bridge.hub import Hub, HubSettings

app = cyclopts.App(name="hub", help="Found a community, admit its gateways, see how they fare.")
app.command(certificate)
app.command(invite)
app.command(enrol)
app.command(gateways_, name="gateways")
app.command(tell_gateway, name="tell")
app.command(rekey)
app.command(revoke)
app.command(rotate)
app.command(stewards)
app.command(restored)
app.command(series)

BRIDGE_TOML = """\
# The hub of community {community}. Relative paths count from this file's folder.
community = "{community}"
broker = "{broker}"
page = "{page}"
books = "books.db"
bridge_key = "keys/bridge.key"
log_key = "keys/log.key"
steward_key = "keys/steward.key"
card_key = "card.key"
"""


@app.command
def init(
    folder: Path,
    /,
    *,
    community: str,
    broker: str = "mqtt://127.0.0.1:1883",
    page: str = "127.0.0.1:7080",
    json: Json = False,
) -> None:
    """Found a community: keys, its CA, books, bridge.toml and a policy to fill in.

    Parameters
    ----------
    folder
        Where the hub lives; must not hold one yet.
    community
        Its id: 1 to 40 of a-z, 0-9 and -.
    broker
        The MQTT broker of the community link.
    page
        Where the bridge's page listens.
    """
    if not record.is_id(community):
        raise UsageError(
            Problem(f"{community!r} is no id", "--community", "1 to 40 of a-z, 0-9, -")
        )
    must_be_owner(folder, "hub init")
    config = folder / "bridge.toml"
    if config.exists():
        raise UsageError(
            Problem("there is a hub here already", str(config), "go on with it; or another folder")
        )
    text = BRIDGE_TOML.format(community=community, broker=broker, page=page)
    Broker.parse(settings.parse(text, HubSettings, name=str(config)).broker, where="--broker")
    trial = folder / ".founding"
    try:
        shutil.rmtree(trial, ignore_errors=True)  # what was left by one that was cut off
        founded = _found(trial, text, community)
        _move(trial, folder)
    except OSError as error:
        what = f"no hub can be made here: {error.strerror}"
        raise UsageError(Problem(what, str(error.filename), "an empty or a new folder")) from error
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    if json:
        show(
            {
                "config": str(config),
                "bridge_key": founded.bridge,
                "log_key": founded.log,
                "stewards": founded.stewards,
            }
        )
        return
    print(f"founded {community} in {folder}")
    print("whoever joins with a code is given what follows; a gateway on this machine needs:")
    print(f'  bridge_key = "{founded.bridge}"')
    print(f"kiosks need a copy of {folder / 'card.key'}, and under [kiosk]:")
    print(f'  stewards = ["{founded.stewards[0]}"]')
    print(f"auditors need the log's key: {founded.log}")
    print(f"any web server may serve the log: {folder / 'log'} (docs/proofs.md)")


def _found(folder: Path, settings_: str, community: str) -> Founded:
    """Everything of a new hub, in a folder of its own. Raises OSError, PeopleError."""
    bridge, log, steward = (
        SigningKey.create(folder / "keys" / f"{name}.key") for name in ("bridge", "log", "steward")
    )
    _write_card_key(folder / "card.key")
    Authority.create(folder / "tls", community=community)
    today = day_of(domain_clock().utc_ms(), "Europe/Amsterdam")
    policy = fill_in("start", community=community, valid_from=today)
    config = folder / "bridge.toml"
    write([Planned(config, settings_), Planned(folder / "policy.toml", policy)])
    founded = Founded(
        stewards=(steward.public.x,),
        bridge=bridge.public.x,
        log=log.public.x,
        issuance=secrets.token_hex(8),
    )
    edit(Hub.load(config), founded, *opened())
    return founded


def _move(trial: Path, folder: Path) -> None:
    """Put it all where it belongs, beside nothing of another hub; bridge.toml last, which says that
    there is one.
    """
    moves = [(made, folder / made.name) for made in trial.iterdir()]
    if there := next((place for _, place in moves if os.path.lexists(place)), None):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(there))
    for made, place in sorted(moves, key=lambda move: move[0].name == "bridge.toml"):
        made.rename(place)
    sync(folder)


def _write_card_key(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")


@app.command
def admit(*gateways: str, config: Config = CONFIG, json: Json = False) -> None:
    """Admit gateways of this very machine with their keys, as `meterkast enrol` printed them.

    One from elsewhere is invited, and enrolled by the words that it shows: hub invite, hub enrol.

    Parameters
    ----------
    gateways
        GATEWAY=KEY, as often as there are gateways.
    """
    if not gateways:
        raise UsageError(Problem("no gateway named", "hub admit", "hub admit home-noor=KEY"))
    admitted = []
    for given in gateways:
        name, equals, key = given.partition("=")
        if not equals:
            raise UsageError(Problem(f"{given!r} names no key", "hub admit", "GATEWAY=KEY"))
        admitted.append(GatewayAdmitted(name, key))
    books = read_books(config)
    for one in admitted:
        if books.registry.is_barred(one.gateway):
            what = f"{one.gateway} is revoked, and counts again with another key only"
            try_ = (
                f"meterkast hub invite {one.gateway}; on this machine: hub rekey {one.gateway}=KEY"
            )
            raise UsageError(Problem(what, f"hub admit {one.gateway}", try_))
    edit(books.hub, *admitted)
    names = [one.gateway for one in admitted]
    tell(f"admitted {', '.join(names)}", {"admitted": names}, json=json)
