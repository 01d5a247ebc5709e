"""Where pages listen: `HOST:PORT`, the host an IP address or localhost."""

import ipaddress
from collections.abc import Iterator, Mapping

from gateway.contract.settings import Mistake

# Which key of the settings says where what listens, and an example of each.
EXAMPLES = {"page": "127.0.0.1:7081", "health": "127.0.0.1:7082"}
# These tell too much to be reached from other machines.
HERE_ONLY = {"health"}
# What listens on all addresses can be asked on these.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not bound


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, the host an IP address or localhost. Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if host != "localhost":
        ipaddress.ip_address(host)
    if not 0 <= int(port) <= 65535:
        raise ValueError(port)
    return host, int(port)


def reached(text: str) -> tuple[str, int]:
    """Where this machine reaches what listens at an address that `mistakes` has nothing against."""
    host, port = address(text)
    return EVERYWHERE.get(host, host), port


def is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def mistakes(tables: Mapping[str, object]) -> Iterator[Mistake]:
    """What is wrong with the addresses in gateway.toml."""
    taken: dict[str, str] = {}
    for key, example in EXAMPLES.items():
        where = tables.get(key)
        if not isinstance(where, str):
            continue
        line = f'{key} = "{example}"'
        try:
            host, port = address(where)
        except ValueError:
            yield Mistake((key,), f"{where!r} is not an address and a port", line)
            continue
        if key in HERE_ONLY and not is_loopback(host):
            yield Mistake((key,), f"{where!r} can be reached from other machines", line)
        elif port and where in taken:
            what = f"{where!r} is the address of {taken[where]!r} as well"
            yield Mistake((key,), what, "another port")
        taken[where] = key
