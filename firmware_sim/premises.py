"""Folders, keys and files of the street, made with the commands that anybody would use."""

import asyncio
import csv
import json
import secrets
import socket
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from firmware_sim import meters, street
from firmware_sim.influx import Influx
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey

METERKAST = Path(sysconfig.get_path("scripts")) / "meterkast"
HOST = "127.0.0.1"
HUB_PORT = 7080
SCREEN_PORT = 7090
# Below those that the kernel gives to whoever calls out.
# Spec: Linux, ip-sysctl, ip_local_port_range: 32768 to 60999.
OWN_PORTS = range(20_000, 32_768)
# The kiosk among the pages: the point's screen has an address of its own.
SCREEN = "kiosk"
# When a container at the point is full.
FULL_KG = 400
# What the operator of the demonstration types.
PIN = "2468"


class Premises(NamedTuple):
    """Where everything is: the folder, the broker's address, the port of each page, and the
    database of the time series where there is one.
    """

    folder: Path
    broker: str
    pages: dict[str, int]
    influx: Influx | None = None

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    @property
    def config(self) -> Path:
        return self.hub / "bridge.toml"

    def gateway(self, name: str) -> Path:
        return self.folder / name / "gateway.toml"

    def page(self, name: str, path: str) -> str:
        return f"http://{HOST}:{self.pages[name]}{path}"


def gateways() -> tuple[str, ...]:
    return (*(home.gateway for home in street.HOMES), street.POINT)


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and that nobody who calls out is given meanwhile.

    A program that was killed finds its port again when it comes back.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = secrets.choice(OWN_PORTS)
        if is_free(port):
            ports.add(port)
    return list(ports)


async def meterkast(*arguments: str, environment: dict[str, str], said_to_it: str = "") -> str:
    """What the command prints. Raises PeopleError with what it said instead."""
    process = await asyncio.create_subprocess_exec(
        str(METERKAST),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        said, complained = await process.communicate(said_to_it.encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    # 1 means that something was found, and what that is stands on stdout.
    if process.returncode and not (process.returncode == 1 and said):
        what = f"exit code {process.returncode}:\n{complained.decode('utf-8', 'replace').strip()}"
        command = f"meterkast {' '.join(arguments)}"
        raise PeopleError(Problem(what, command, "run it by hand"))
    return said.decode()


async def found(premises: Premises, *, environment: dict[str, str]) -> dict[str, str]:
    """Found the community and write all files; gives each gateway's public key."""
    page = f"{HOST}:{premises.pages['bridge']}"
    arguments = ["--community", street.COMMUNITY, "--broker", premises.broker, "--page", page]
    said = await meterkast(
        "hub", "init", str(premises.hub), *arguments, "--json", environment=environment
    )
    bridge_key: str = json.loads(said)["bridge_key"]
    steward = SigningKey.load(premises.hub / "keys" / "steward.key").public.x
    (premises.hub / "policy.toml").write_text(policy_toml(), "utf-8")
    if premises.influx:
        add_database(premises, premises.influx)
    write_members(premises.folder / "members.csv")
    keys = {}
    for name in gateways():
        path = premises.gateway(name)
        path.parent.mkdir(parents=True)
        path.write_text(
            gateway_toml(premises, name, bridge_key=bridge_key, steward=steward), "utf-8"
        )
        # What `meterkast enrol` does, without starting a program for each.
        keys[name] = SigningKey.create(path.parent / "gateway.key").public.x
    card_key = premises.folder / street.POINT / "card.key"
    card_key.write_bytes((premises.hub / "card.key").read_bytes())
    card_key.chmod(0o600)
    operator = str(card_key.with_name("operator.pin"))
    await meterkast("kiosk", "pin", operator, environment=environment, said_to_it=f"{PIN}\n")
    return keys


def add_database(premises: Premises, influx: Influx) -> None:
    """Tell the bridge where its time series go."""
    influx.prepare()
    with premises.config.open("a", encoding="utf-8") as file:
        file.write(influx.toml())
    if influx.token:
        token = premises.hub / "keys" / "series.token"
        token.touch(0o600)
        token.write_text(influx.token, "utf-8")


async def admit(premises: Premises, keys: dict[str, str], *, environment: dict[str, str]) -> None:
    """What a steward does at the hub: admit the gateways, add the members, set the rules."""
    config = ("--config", str(premises.config))
    admitted = [f"{name}={key}" for name, key in keys.items()]
    members, policy = str(premises.folder / "members.csv"), str(premises.hub / "policy.toml")
    await asyncio.gather(
        meterkast("hub", "admit", *config, *admitted, environment=environment),
        meterkast("policy", "activate", policy, *config, environment=environment),
    )
    # A meter can be fitted only at a gateway that has been admitted.
    await meterkast("member", "import", members, *config, environment=environment)


def _toml(value: Any) -> str:
    """A string as TOML writes it: JSON's escapes are among TOML's."""
    return json.dumps(str(value), ensure_ascii=False)


def gateway_toml(premises: Premises, name: str, *, bridge_key: str, steward: str) -> str:
    ports = premises.folder / "ports"
    lines = [
        f"community = {_toml(street.COMMUNITY)}",
        f"gateway = {_toml(name)}",
        'data = "data"',
        'key = "gateway.key"',
        f"bridge_key = {_toml(bridge_key)}",
        f"broker = {_toml(premises.broker)}",
        f'page = "{HOST}:{premises.pages[name]}"',
    ]
    if name == street.POINT:
        lines += [
            "",
            "[device.scale]",
            'driver = "mtsics"',
            f"port = {_toml(ports / 'scale')}",
            "",
            "[device.reader]",
            'driver = "rdm6300"',
            f"port = {_toml(ports / 'reader')}",
            "",
            "[kiosk]",
            'scale = "scale"',
            'readers = ["reader"]',
            'card_key = "card.key"',
            f"stewards = [{_toml(steward)}]",
            f'screen = "{HOST}:{premises.pages[SCREEN]}"',
            'pin = "operator.pin"',
            f'division = "{street.SCALE.division_mg // 1000} g"',
            'language = "en"',
            "",
            f"[kiosk.crates.{street.CRATE}]",
            f'tare = "{street.CRATE_MG // 1000} g"',
            'nl = "blauwe krat"',
            'en = "blue crate"',
            "",
            "[kiosk.containers]",
            *(f'{kind.id} = "{FULL_KG} kg"' for kind in street.FRACTIONS if kind.unit == "kg"),
        ]
    else:
        home = next(home for home in street.HOMES if home.gateway == name)
        if home.shares:
            lines.append(f"samples_shared_since = {street.DAY}")
        for device in home.devices:
            lines += [
                "",
                f"[device.{device.name}]",
                f'driver = "{device.driver}"',
                f"port = {_toml(ports / street.port(home, device))}",
                *(f"{key} = {_toml(value)}" for key, value in meters.settings(device).items()),
            ]
    return "\n".join(lines) + "\n"


def policy_toml() -> str:
    """The street's rules, from its data."""
    credit = f'unit = "credit"\nscale = {street.SCALE_OF_CREDIT}\nkind = "credit"\n'
    kinds = "".join(
        f'[fractions.{kind.id}]\neuralcode = "{kind.euralcode}"\nunit = "{kind.unit}"\n'
        f"nl = {_toml(kind.nl)}\nen = {_toml(kind.en)}\n\n"
        for kind in street.FRACTIONS
    )
    rates = "".join(
        f'{kind.id} = {{ credit = "{kind.credit}", per = "1 {kind.unit}" }}\n'
        for kind in street.FRACTIONS
    )
    sharing = (
        f"registers_out = {json.dumps(street.GIVEN)}\nregisters_in = {json.dumps(street.TAKEN)}\n"
        'key = "pro-rata"\n'
    )
    return (
        f'community = "{street.COMMUNITY}"\n'
        f"valid_from = {street.DAY}\n"
        'time_zone = "Europe/Amsterdam"\n\n'
        f"[assets.ENERGY]\n{credit}\n[assets.WASTE]\n{credit}\n"
        '[assets.KWH]\nunit = "kWh"\nscale = 6\nkind = "measured"\n\n'
        f'{kinds}[clubs.{street.CLUB}]\nnl = "voetbalclub"\nen = "football club"\n\n'
        '[[rules]]\nid = "shared"\nrule = "energy_shared"\nversion = 1\nasset = "ENERGY"\n'
        f'{sharing}earns = "giver"\ncredit = "{street.SHARED_CREDIT_PER_KWH}"\nper = "1 kWh"\n'
        f'cap = "{street.SHARED_CAP_PER_DAY} per day"\n\n'
        # The energy itself, to whoever took it; what nobody took is the supplier's.
        '[[rules]]\nid = "neighbours"\nrule = "energy_shared"\nversion = 1\nasset = "KWH"\n'
        f'exclusive = "energy"\n{sharing}earns = "taker"\ncredit = "1"\nper = "1 kWh"\n\n'
        '[[rules]]\nid = "waste"\nrule = "waste_deposited"\nversion = 1\nasset = "WASTE"\n'
        f'cap = "{street.WASTE_CAP_PER_DAY} per day"\n[rules.rates]\n{rates}'
    )


def write_members(path: Path) -> None:
    """A line for each member, and for each further meter of theirs."""
    homes = {home.member: home for home in street.HOMES}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("member", "name", *street.Fit._fields, "card"))
        for member in street.MEMBERS:
            home = homes.get(member.id)
            first, *more = street.fits(home) if home else [street.Fit("", "", "")]
            rows.writerow((member.id, member.name, *first, member.card))
            rows.writerows((member.id, "", *fit, "") for fit in more)
