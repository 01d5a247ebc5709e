"""`meterkast hub certificate`, `withdraw`: certificates for gateways from elsewhere."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.contract import record
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.common import CONFIG, Config, Json, show, tell
from ledger_bridge.hub import Hub

FOLDER = "tls"


def certificate(
    *gateways: str,
    broker: Annotated[str | None, Parameter(name="--broker")] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make certificates, so that gateways from elsewhere can come in through a broker with TLS.

    They are put in the folder `tls` beside bridge.toml: the community's CA and the bridge's own
    certificate the first time, then what is asked for. A new one for a name replaces its files.

    Parameters
    ----------
    gateways
        Ids of gateways, as in their gateway.toml.
    broker
        The name or address under which the gateways find the broker.
    """
    _check(gateways, "hub certificate")
    if not gateways and not broker:
        try_ = "hub certificate --broker HOST, then hub certificate GATEWAY"
        raise UsageError(Problem("for whom?", "hub certificate", try_))
    hub = Hub.load(config)
    folder = hub.path(FOLDER)
    try:
        made = _make(folder, hub.community, gateways, broker)
    except ValueError as error:
        what = f"{broker!r} is no name of a machine: {error}"
        raise UsageError(Problem(what, "hub certificate", "--broker HOST")) from error
    except OSError as error:
        what = f"no certificate can be kept here: {error.strerror}"
        raise UsageError(Problem(what, str(error.filename), "a folder you may write in")) from error
    if json:
        show({name: str(path) for name, path in made.items()})
        return
    for name, path in made.items():
        print(f"{name}: {path}")
    if "CA" in made:
        print("in bridge.toml, from its own folder:")
        print('  broker = "mqtts://HOST:8883"')
        files = 'ca = "tls/ca.crt", certificate = "tls/bridge.crt", key = "tls/bridge.key"'
        print(f"  broker_tls = {{ {files} }}")
    if gateways:
        print("copy to each gateway ca.crt and its own two files, and in gateway.toml:")
        print('  broker = "mqtts://HOST:8883"')
        print('  broker_tls = { ca = "ca.crt", certificate = "GATEWAY.crt", key = "GATEWAY.key" }')


def withdraw(*gateways: str, config: Config = CONFIG, json: Json = False) -> None:
    """Withdraw the certificates of gateways that were lost or stolen.

    Give the broker the new `tls/revoked.crl` and restart it: from then on it refuses them. A new
    certificate for the same gateway may be made afterwards.

    Parameters
    ----------
    gateways
        Ids of gateways.
    """
    _check(gateways, "hub withdraw")
    if not gateways:
        raise UsageError(Problem("whose?", "hub withdraw", "hub withdraw GATEWAY"))
    authority = Authority(Hub.load(config).path(FOLDER))
    for name in gateways:
        try:
            authority.revoke(name)
        except OSError as error:
            what = f"{name} has no certificate to withdraw: {error.strerror}"
            raise UsageError(Problem(what, str(error.filename), "see the folder tls")) from error
    said = f"withdrawn: {', '.join(gateways)}; give the broker {authority.revoked}"
    tell(said, {"withdrawn": list(gateways), "list": str(authority.revoked)}, json=json)


def _check(gateways: tuple[str, ...], where: str) -> None:
    for name in gateways:
        if not record.is_id(name):
            what = f"{name!r} is no id of a gateway"
            raise UsageError(Problem(what, where, "1 to 40 of a-z, 0-9 and -"))


def _make(
    folder: Path, community: str, gateways: tuple[str, ...], broker: str | None
) -> dict[str, Path]:
    """The certificates that were made, by whom they are for."""
    made = {}
    if folder.exists():
        authority = Authority(folder)
    else:
        authority = Authority.create(folder, community=community)
        made["CA"] = authority.certificate
        made["bridge"] = authority.bridge().certificate
    if broker:
        made["broker"] = authority.broker(broker).certificate
    return made | {name: authority.gateway(name).certificate for name in gateways}
