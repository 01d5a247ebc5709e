"""`meterkast install mosquitto`: a Mosquitto for gateways from elsewhere, set up for this hub.

What it says and may is in `deploy/mosquitto`, which is `ledger_bridge/mosquitto` here; the
certificates are those in the hub's folder `tls`.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cyclopts import Parameter

from gateway.contract.errors import Problem, UsageError
from gateway.contract.tls import UNREADABLE
from gateway.contract.writing import Planned, offer
from ledger_bridge.commands.common import CONFIG, Config
from ledger_bridge.hub import Hub

SHIPPED = Path(__file__).parents[1] / "mosquitto"
# The user that Mosquitto becomes once it has started; it reads its key again when it is reloaded.
USER = "mosquitto"
# The community that the shipped rights are about.
_EXAMPLE = "mk/v1/zonstraat/"

FILES = "etc/mosquitto/meterkast"
OTHERS = {
    "gateways.conf": ("etc/mosquitto/conf.d/meterkast.conf", 0o644),
    "mosquitto.service.conf": ("etc/systemd/system/mosquitto.service.d/meterkast.conf", 0o644),
    "persistence-guard": ("usr/local/lib/meterkast/persistence-guard", 0o755),
}


def mosquitto(
    *,
    config: Config = CONFIG,
    out: Path = Path("/"),
    yes: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Write what a stock Mosquitto 2 needs: listeners, rights, certificates, a guard for its file.

    Once more after `hub certificate` or `hub revoke`: what has changed is written.

    Parameters
    ----------
    out
        The root that the files are written under.
    yes
        Write without asking.
    as_json
        Which files would be written, as one JSON object; nothing is asked.
    """
    hub = Hub.load(config)
    then = "sudo systemctl daemon-reload && sudo systemctl restart mosquitto"
    files = list(planned(hub, out))
    _must_remember({file.path.name: file.text for file in files}, out / FILES, hub.tls_folder)
    code = offer(files, yes=yes, as_json=as_json, then=then)
    if code == 0 and (yes or not as_json):
        _give(out / FILES / "broker.key")
    return code


def planned(hub: Hub, root: Path) -> Iterator[Planned]:
    """Every file. Raises UsageError where the broker has no certificate yet."""
    owner = hub.tls_folder.parent.stat().st_uid
    for name, mode in (("ca.crt", 0o644), ("revoked.crl", 0o644), ("broker.crt", 0o644),
                       ("broker.key", 0o600)):  # fmt: skip
        yield Planned(root / FILES / name, _read(hub.tls_folder / name, owner), mode)
    rights = (SHIPPED / "gateways.acl").read_text("utf-8")
    rights = rights.replace(_EXAMPLE, f"mk/v1/{hub.community}/")
    yield Planned(root / FILES / "gateways.acl", rights)
    yield Planned(root / FILES / "home.acl", (SHIPPED / "home.acl").read_text("utf-8"))
    for name, (place, mode) in OTHERS.items():
        yield Planned(root / place, (SHIPPED / name).read_text("utf-8"), mode)


def _must_remember(texts: dict[str, str], there: Path, here: Path) -> None:
    """Raises UsageError where the broker shuts out whom the hub has forgotten, as one that was
    restored from a backup has.
    """
    newer = there / "revoked.crl"
    try:
        ca = x509.load_pem_x509_certificate(texts["ca.crt"].encode())
        ours = x509.load_pem_x509_crl(texts["revoked.crl"].encode())
        theirs = x509.load_pem_x509_crl(newer.read_bytes())
        is_our_ca = theirs.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
    except (OSError, TypeError, *UNREADABLE):
        return  # nothing there that anybody could go by
    forgotten = {one.serial_number for one in theirs} - {one.serial_number for one in ours}
    if is_our_ca and forgotten:
        what = (
            f"certificates that the broker shuts out and the hub's list has not: {len(forgotten)}"
        )
        try_ = f"sudo cp {newer} {here / newer.name}, and revoke those gateways again"
        raise UsageError(Problem(what, str(newer), try_))


def _read(path: Path, owner: int) -> str:
    """A file of the hub's owner, and not what a link of theirs leads to: what root reads here,
    everybody can read afterwards. Raises UsageError.
    """
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            is_theirs = os.fstat(file.fileno()).st_uid == owner
            text = file.read() if is_theirs else ""
    except OSError as error:
        what = f"a certificate of the broker is missing: {error.strerror}"
        try_ = "meterkast hub certificate --broker HOST"
        raise UsageError(Problem(what, str(path), try_)) from error
    if not is_theirs:
        what = "this file is not of whoever has the hub's folder"
        raise UsageError(Problem(what, str(path), f"ls -l {path}, and chown it to them"))
    return text


def _give(key: Path) -> None:
    """The key to Mosquitto's user, where there is one, and we are root."""
    with contextlib.suppress(KeyError, PermissionError):
        user = pwd.getpwnam(USER)
        os.chown(key, user.pw_uid, user.pw_gid)
