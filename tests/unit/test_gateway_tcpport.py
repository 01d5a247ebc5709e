"""Lines over TCP: read, asked, lost, and never waited for too long."""

import asyncio
import os
import socket

import pytest

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import ports, tcpport
from gateway.lines.lines import DeviceLine
from tests.lines import DEVICE, Heard, member


def test_a_line_over_tcp_is_read_asked_and_lost() -> None:
    async def scenario() -> None:
        heard = Heard()
        asked = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read(1) == b"?"
            writer.write(b"one\n")
            asked.set()
            await asyncio.sleep(0.05)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            number = server.sockets[0].getsockname()[1]
            scale = member("scale", DEVICE, heard)
            task = asyncio.create_task(DeviceLine(f"tcp://127.0.0.1:{number}", [scale]).run())
            await asked.wait()
            await heard.until(["open", "lost"], [b"one"])
            task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_peer_that_lost_its_power_is_noticed_within_a_minute() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = await ports.open_port(f"tcp://127.0.0.1:{server.getsockname()[1]}", Line(9600))
            with socket.socket(fileno=os.dup(port.fileno())) as same:
                level = socket.IPPROTO_TCP
                assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                idle_s = same.getsockopt(level, socket.TCP_KEEPIDLE)
                tries_s = same.getsockopt(level, socket.TCP_KEEPINTVL) * same.getsockopt(
                    level, socket.TCP_KEEPCNT
                )
                assert idle_s + tries_s == 60
                assert same.getsockopt(level, socket.TCP_USER_TIMEOUT) == 30_000
            port.close()

    asyncio.run(scenario())


def test_an_address_where_nobody_listens_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(LineLost, match="nobody listens there"):
            asyncio.run(ports.open_port(port, Line(9600)))


def test_every_address_of_a_host_is_tried() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        stream = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            found = [(*stream, unused.getsockname()), (*stream, server.getsockname())]

            async def resolved(*_: object, **__: object) -> list[object]:
                return list(found)

            loop.getaddrinfo = resolved  # type: ignore[assignment]
            (await ports.open_port("tcp://meters:3001", Line(9600))).close()
            found.pop()
            with pytest.raises(LineLost, match="nobody listens there"):
                await ports.open_port("tcp://meters:3001", Line(9600))

    asyncio.run(scenario())


def test_a_host_that_nobody_knows_says_so() -> None:
    async def scenario() -> None:
        async def unknown(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        asyncio.get_running_loop().getaddrinfo = unknown  # type: ignore[assignment]
        with pytest.raises(LineLost, match="Name or service not known"):
            await ports.open_port("tcp://meters:3001", Line(9600))

    asyncio.run(scenario())


def test_a_host_that_does_not_answer_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcpport, "CONNECT_S_MAX", 0.0)
    with pytest.raises(LineLost, match="nobody answers within 0 s"):
        asyncio.run(ports.open_port("tcp://127.0.0.1:9", Line(9600)))
