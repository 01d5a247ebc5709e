"""A serial port shared by ser2net, as raw bytes and over RFC 2217."""

import asyncio
import os
import subprocess
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.sdk import Line
from firmware_sim.premises import free_ports
from gateway.contract.errors import LineLost
from gateway.lines import ports
from tests.system.programs import until

# pyserial starts its thread the old way.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

SETTINGS = """\
connection: &shared
  accepter: {accepter},127.0.0.1,{port}
  connector: serialdev,{terminal},9600n81,local
"""


class Shared:
    """ser2net between a network port and one end of a pseudo-terminal."""

    def __init__(self, program: str, folder: Path, accepter: str) -> None:
        self.device, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        (self.number,) = free_ports(1)
        settings = folder / "ser2net.yaml"
        terminal = os.ttyname(self.theirs)
        settings.write_text(SETTINGS.format(accepter=accepter, port=self.number, terminal=terminal))
        with (folder / "ser2net.log").open("wb") as log:
            command = [program, "-n", "-c", settings]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    async def opened(self, scheme: str) -> ports.Port:
        name = f"{scheme}://127.0.0.1:{self.number}"
        async with asyncio.timeout(20):
            while True:
                try:
                    return await ports.open_port(name, Line(2400))
                except LineLost:  # not there yet
                    await asyncio.sleep(0.05)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self.device)
        os.close(self.theirs)


@pytest.fixture
def shares(tmp_path: Path, part: Callable[[str], str]) -> Iterator[Callable[[str], Shared]]:
    made: list[Shared] = []

    def share(accepter: str) -> Shared:
        made.append(Shared(part("ser2net"), tmp_path, accepter))
        return made[-1]

    yield share
    for one in made:
        one.close()


async def _heard(port: ports.Port, count: int) -> bytes:
    heard = b""
    async with asyncio.timeout(20):
        while len(heard) < count:
            heard += port.read()
            await asyncio.sleep(0.005)
    return heard


@pytest.mark.parametrize(
    ("accepter", "scheme", "speed"),
    [("tcp", "tcp", termios.B9600), ("telnet(rfc2217),tcp", "rfc2217", termios.B2400)],
    ids=["raw bytes", "RFC 2217"],
)
def test_a_port_that_ser2net_shares_is_read_asked_and_lost(
    shares: Callable[[str], Shared], accepter: str, scheme: str, speed: int
) -> None:
    shared = shares(accepter)
    every = bytes(range(256))

    async def scenario() -> None:
        port = await shared.opened(scheme)
        await asyncio.to_thread(
            until, "the speed is set", lambda: termios.tcgetattr(shared.theirs)[4] == speed
        )
        os.write(shared.device, every)
        assert await _heard(port, 256) == every
        port.write(every)
        said = b""
        while len(said) < 256:
            said += await asyncio.to_thread(os.read, shared.device, 256)
        assert said == every
        shared.process.terminate()
        with pytest.raises(LineLost, match="the other end hung up"):
            await _heard(port, 1)
        port.close()

    asyncio.run(asyncio.wait_for(scenario(), 30))
