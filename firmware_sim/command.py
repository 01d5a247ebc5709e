"""`meterkast sim`: one device that does not exist, on a pseudo-terminal, in real time."""

import asyncio
import contextlib
import difflib
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from firmware_sim import device, faults
from firmware_sim.dongle import Dongle
from firmware_sim.terminal import Terminal
from gateway.contract.errors import Problem, UsageError

# A meter at 115200 baud says a byte every 87 us; an answer within this is soon enough.
TICK_S = 0.01
# With the fault `unplug` the port is there for so long, and then away for so long.
PLUGGED_S = 10.0
UNPLUGGED_S = 3.0


def _utc_ms() -> int:
    return time.time_ns() // 1_000_000


def sim(
    name: str,
    /,
    *,
    variant: str | None = None,
    port: Path | None = None,
    http: str | None = None,
    seed: int = 7,
    fault: list[str] | None = None,
) -> None:
    """Run one simulated device on a pseudo-terminal, and print the path to open.

    Its block for gateway.toml goes to standard error. What the block names as a file, such as a
    map of registers, is written beside the port, and removed with it.

    Parameters
    ----------
    name
        The driver that reads it, such as p1.
    variant
        The maker or dialect; the usual one where this is left out.
    port
        Where the port shall be found; the system's own name for it where this is left out.
    http
        Instead of a port: the address of a dongle that passes on the telegrams, such as
        127.0.0.1:7099.
    seed
        Another number behaves differently.
    fault
        What is wrong with the line, such as bit-flips; may be given several times.
    """
    simulator = device.load(_known(name, list(device.names()), "simulated device"))
    variants = list(simulator.variants)
    played = _known(variant or variants[0], variants, f"variant of {name}")
    known = [*faults.FAULTS, faults.UNPLUG]
    wrong = [_known(one, known, "fault of a line") for one in fault or ()]
    needed = simulator.variants[played]
    if port:
        for path in (port, *(_file(port, key) for key, value in needed.items() if "\n" in value)):
            if path.exists() or path.is_symlink():
                problem = f"there is something there already: {path}"
                raise UsageError(Problem(problem, f"--port {port}", "another"))
    simulated = faults.Line(
        simulator.begin(played, simulator.source(seed), seed, _utc_ms()),
        [one for one in wrong if one != faults.UNPLUG],
        seed,
    )
    terminal = _dongle(http) if http else Terminal(port.absolute() if port else None)
    with tempfile.TemporaryDirectory(prefix="meterkast-") as folder:
        beside = port.absolute() if port else Path(folder) / name
        files = [_file(beside, key) for key, value in needed.items() if "\n" in value]
        try:
            told = {key: _put(beside, key, value) for key, value in needed.items()}
            print(terminal.path, flush=True)
            for key, value in {"driver": name, "port": str(terminal.path), **told}.items():
                # JSON's strings are TOML's.
                print(f"{key} = {json.dumps(value)}", file=sys.stderr, flush=True)
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(_run(simulated, terminal, unplugs=faults.UNPLUG in wrong))
        finally:
            terminal.close()
            for file in files:
                file.unlink(missing_ok=True)


def _dongle(address: str) -> Dongle:
    host, _, number = address.rpartition(":")
    try:
        return Dongle(host, int(number))
    except (OSError, ValueError, OverflowError) as error:
        what = f"nobody can listen there: {error}"
        raise UsageError(Problem(what, f"--http {address}", "--http 127.0.0.1:7099")) from error


def _file(port: Path, setting: str) -> Path:
    return port.with_name(f"{port.name}.{setting}")


def _put(port: Path, setting: str, value: str) -> str:
    """The value as the block says it: a text of several lines is put into a file of that name."""
    if "\n" not in value:
        return value
    file = _file(port, setting)
    file.write_text(value, "utf-8")
    return str(file)


def _known(name: str, names: list[str], what: str) -> str:
    """The name, if it is one of these. Raises UsageError with the nearest one."""
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1) or names[:1]
        problem = f"no {what} is called {name!r}"
        raise UsageError(Problem(problem, "meterkast sim", f"{near[0]}   ({', '.join(names)})"))
    return name


async def _run(simulated: device.Simulated, terminal: Terminal | Dongle, *, unplugs: bool) -> None:
    """Until Ctrl-C or SIGTERM; the port is taken away after either."""
    here = asyncio.current_task()
    assert here
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, here.cancel)
    while True:
        await _play(simulated, terminal, PLUGGED_S if unplugs else None)
        terminal.unplug()
        await asyncio.sleep(UNPLUGGED_S)
        terminal.plug_in()


async def _play(
    simulated: device.Simulated, terminal: Terminal | Dongle, seconds: float | None
) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if heard := terminal.read():
                    terminal.write(simulated.hears(heard, now_ms=_utc_ms()))
                if said := simulated.ticks(_utc_ms()):
                    # A wire keeps nothing for a listener who comes later.
                    if terminal.unread() > len(said):
                        terminal.forget()
                    terminal.write(said)
                await asyncio.sleep(TICK_S)
