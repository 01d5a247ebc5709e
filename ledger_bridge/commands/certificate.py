"""`meterkast hub certificate`: the broker's certificate, of the community's own CA."""

from typing import Annotated

from cyclopts import Parameter

from gateway.contract.errors import Problem, UsageError
from gateway.contract.writing import must_be_owner
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.common import CONFIG, Config, Json, tell
from ledger_bridge.hub import Hub


def certificate(
    *,
    broker: Annotated[str, Parameter(name="--broker")],
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make the broker's certificate, so that gateways from elsewhere can come in with TLS.

    It is good for three years, and lies in the folder `tls` beside bridge.toml; a new one replaces
    it. Gateways and the bridge have theirs renewed by themselves.

    Parameters
    ----------
    broker
        The name or address under which the gateways find the broker.
    """
    must_be_owner(config.resolve().parent, "hub certificate")
    hub = Hub.load(config)
    folder = hub.tls_folder
    if folder.exists():
        authority = Authority(folder)
    else:  # a hub that was founded before hubs had one
        authority = Authority.create(folder, community=hub.community)
    try:
        pair = authority.broker(broker)
    except ValueError as error:
        what = f"{broker!r} is no name of a machine: {error}"
        raise UsageError(Problem(what, "hub certificate", "--broker HOST")) from error
    host = f"[{broker}]" if ":" in broker else broker
    wanted = []
    if hub.settings.broker != f"mqtts://{host}:8883":
        wanted.append(f'  broker = "mqtts://{host}:8883"')
    if not hub.settings.broker_tls:
        files = 'ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem"'
        wanted.append(f"  broker_tls = {{ {files} }}")
    lines = [f"{broker}: {pair.certificate}, {pair.key}"]
    if wanted:
        lines += ["in bridge.toml, from its own folder:", *wanted]
    told = {"certificate": str(pair.certificate), "key": str(pair.key)}
    tell("\n".join(lines), told, json=json)
