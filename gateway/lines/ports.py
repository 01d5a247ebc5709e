"""What a line can be opened on: a serial port, an address, a pin. Open it, read, write, close.

`/dev/…` is a serial port, `gpio:N` pin N by its BCM number. `NETWORK` are ports at the far end of
a network, `KINDS` such as are made for one driver each.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from drivers.sdk import Line
from gateway.lines import httpport, inputs, loadcell, pins, rfc2217, tcpport
from gateway.lines.serialport import SerialPort


class Port(Protocol):
    """An open line. Everything but `close` may raise LineLost."""

    def fileno(self) -> int:
        """Readable when `read` would give something."""
        ...

    def read(self) -> bytes:
        """What has come, a few kilobytes at most; b"" where nothing has."""
        ...

    def write(self, data: bytes) -> None: ...

    def set_line(self, line: Line) -> None:
        """Another speed or frame, once what was written has left."""
        ...

    def close(self) -> None: ...


Refusal = Callable[[str], tuple[str, str] | None]


class Kind(NamedTuple):
    """A kind of port that no line is: `open` raises LineLost; `refuse` gives what is wrong with
    such a name and what to try, None for one that can be.
    """

    open: Callable[[str], Port]
    refuse: Refusal


class Network(NamedTuple):
    """A kind of port at the far end of a network. `is_heard_only` of one that takes no bytes,
    `is_set_here` of one whose speed and frame are set from here.
    """

    open: Callable[[str, Line], Awaitable[Port]]
    refuse: Refusal
    is_heard_only: bool = False
    is_set_here: bool = False


# By what the port begins with. Only drivers that name such a one in `Device.ports` hang there.
KINDS = {
    inputs.PREFIX: Kind(inputs.open_input, inputs.refuse),
    loadcell.KERNEL: Kind(loadcell.open_kernel, loadcell.refuse_kernel),
    loadcell.PINS: Kind(loadcell.open_pins, loadcell.refuse_pins),
}


async def _open_tcp(name: str, line: Line) -> Port:
    del line  # is set at the far end
    return await tcpport.open_tcp(*tcpport.address(name))


async def _open_http(name: str, line: Line) -> Port:
    del line  # there is none
    return await httpport.open_http(name)


def _refuse_address(port: str) -> tuple[str, str] | None:
    try:
        tcpport.address(port)
    except ValueError:
        scheme = port.partition("://")[0]
        example = {"tcp": 502, "rfc2217": 2217}[scheme]
        return f"{port!r} lacks a host or a port", f'port = "{scheme}://10.0.0.5:{example}"'
    return None


NETWORK = {
    tcpport.PREFIX: Network(_open_tcp, _refuse_address),
    rfc2217.PREFIX: Network(rfc2217.open_rfc2217, _refuse_address, is_set_here=True),
    httpport.PREFIX: Network(_open_http, httpport.refuse, is_heard_only=True),
}


def kind_of(port: str) -> str:
    """Which of `KINDS` or `NETWORK` a port is, "" for a serial port or a pin."""
    return next((prefix for prefix in (*KINDS, *NETWORK) if port.startswith(prefix)), "")


def is_set_here(port: str) -> bool:
    """Whether the speed and frame of a port are ours to set."""
    prefix = kind_of(port)
    return not prefix or (prefix in NETWORK and NETWORK[prefix].is_set_here)


def is_absent(port: str) -> bool:
    """Whether the port is a file under /dev that is not there: unplugged. False for all others."""
    path = port.removeprefix(inputs.PREFIX)
    return path.startswith("/") and not Path(path).exists()


async def open_port(name: str, line: Line) -> Port:
    """The port, opened for us alone. Raises LineLost with a reason that a person can use."""
    if name.startswith(pins.PREFIX):
        return pins.open_pin(name)
    prefix = kind_of(name)
    if prefix in NETWORK:
        return await NETWORK[prefix].open(name, line)
    if prefix in KINDS:
        return KINDS[prefix].open(name)
    return SerialPort(name, line)
