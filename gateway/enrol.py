"""`meterkast enrol`: the gateway's key, made where it is used."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway import config as files
from gateway import ownkey
from gateway.contract.clock import domain_clock
from gateway.contract.keys import SigningKey


def enrol(
    *,
    config: Annotated[Path, Parameter(name="--config")] = Path("gateway.toml"),
    rotate: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make this gateway's key where it is used, and print the public half for the hub.

    Parameters
    ----------
    config
        the gateway's settings
    rotate
        a new key in place of the one there is; the old one tells the hub. Stop the gateway first
    """
    settings = files.load(config)
    if not settings.key.exists():
        key = SigningKey.create(settings.key)
    elif rotate:
        key = ownkey.rotate(settings, clock=domain_clock())
    else:
        key = ownkey.load(settings, clock=domain_clock())
    print(key.public.x)
    return 0
