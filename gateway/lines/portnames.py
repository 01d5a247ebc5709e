"""Which names of ports are taken in gateway.toml, and what to write instead of the others."""

import os
from pathlib import Path

from drivers import sdk
from gateway.lines import httpport, inputs, pins, ports

# Links that udev makes: by rules of `meterkast install udev`, by maker and serial number, by the
# socket that a stick is in.
OWN = Path("/dev/meterkast")
BY_ID, BY_PATH = Path("/dev/serial/by-id"), Path("/dev/serial/by-path")
STABLE = OWN, BY_ID, BY_PATH
PORTS_TOLD_MAX = 4
# The kernel gives these out in the order of plugging in: after a restart another meter answers.
RENAMED_BY_PLUGGING = ("/dev/ttyUSB", "/dev/ttyACM")

Refusal = tuple[str, str] | None


def refuse(port: str, driver: sdk.Device | None) -> Refusal:
    """What is wrong with a port for this driver, and what to try; None for one that can be.

    `driver` is None where nobody knows it; then nothing is said of what it may hang on.
    """
    if port.startswith(pins.PREFIX):
        return _refuse_pin(port, driver)
    prefix = ports.kind_of(port)
    if prefix in ports.NETWORK:
        return _refuse_network(port, ports.NETWORK[prefix], driver)
    if prefix:
        return _refuse_own(port, prefix, driver)
    return _refuse_serial(port)


def _refuse_serial(port: str) -> Refusal:
    if port.startswith(RENAMED_BY_PLUGGING):
        return f"{port} may be another device after the next restart", stable_name(port)
    if Path(port).is_relative_to(inputs.FOLDER):
        return f"{port} is no serial port", inputs.stable_name(Path(port))
    if port.startswith("https://"):
        what = f"{port} wants a token, and none is sent"
        return what, f'what needs no token, such as port = "{httpport.EXAMPLE}"'
    if not port.startswith("/"):
        what = f"{port!r} is not the path of a serial port"
        return what, f"a path under {BY_ID}, {', '.join(ports.NETWORK)}… or gpio:N"
    return None


def _refuse_own(port: str, prefix: str, driver: sdk.Device | None) -> Refusal:
    """Of a kind of port that is made for few drivers."""
    if driver and not any(one.startswith(prefix) for one in driver.ports):
        what = f"{port} is no line, and this device speaks on one"
        return what, "a serial port or tcp://HOST:PORT"
    return ports.KINDS[prefix].refuse(port)


def _refuse_pin(port: str, driver: sdk.Device | None) -> Refusal:
    try:
        pins.pin_number(port)
    except ValueError:
        what = f"{port!r} is no pin of the header"
        return what, f"gpio:0 to gpio:{pins.PIN_MAX}, the BCM number"
    if driver and not driver.counts:
        what = f"{port} is a pin, and this device speaks on a line"
        return what, "a serial port or tcp://HOST:PORT"
    return None


def _refuse_network(port: str, kind: ports.Network, driver: sdk.Device | None) -> Refusal:
    if wrong := kind.refuse(port):
        return wrong
    if driver and kind.is_heard_only and (driver.polled or driver.counts or driver.ports):
        what = f"{port} only passes on telegrams, and {driver.name} sends none"
        return what, "a serial port, tcp://HOST:PORT or rfc2217://HOST:PORT"
    return None


def stable_name(port: str) -> str:
    """Which link leads to `port`, as a line to copy, else those that there are."""
    links = [link for folder in STABLE if folder.is_dir() for link in sorted(folder.iterdir())]
    for link in links:
        if os.path.realpath(link) == os.path.realpath(port):
            return f'port = "{link}"'
    seen = ", ".join(map(str, links[:PORTS_TOLD_MAX])) or "none"
    return f"its name under {BY_ID} or {BY_PATH} (ports seen now: {seen})"
