"""The embedded broker keeps retained messages and sessions, and says so when it cannot start."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiomqtt

from tests.system.programs import free_port

COMMAND = [str(Path(sys.executable).with_name("meterkast")), "broker"]


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The broker, from its READY=1 on; killed in the end."""
    address = folder.with_name("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address.unlink(missing_ok=True)
        listener.bind(str(address))
        listener.settimeout(20)
        with subprocess.Popen(
            [*COMMAND, "--dir", str(folder), "--port", str(port)],
            env={"NOTIFY_SOCKET": str(address)},
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                told = listener.recv(100)
                assert told == f"MAINPID={process.pid}\nREADY=1".encode()
                yield process
            finally:
                process.kill()


async def publish(port: int, topic: str, payload: bytes, *, retain: bool = False) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(topic, payload, qos=1, retain=retain)


async def listen(port: int, topic: str, count: int) -> list[bytes]:
    """What a client with a session gets: `count` messages."""
    got: list[bytes] = []
    async with asyncio.timeout(10):
        async with aiomqtt.Client(
            "127.0.0.1", port, identifier="hub", clean_session=False
        ) as client:
            await client.subscribe(topic, qos=1)
            while len(got) < count:
                message = await anext(client.messages)
                assert isinstance(message.payload, bytes)
                got.append(message.payload)
    return got


def test_retained_messages_and_sessions_outlive_a_killed_broker(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "broker"
    with running(folder, port):
        asyncio.run(publish(port, "mk/v1/z/home.noor/state", b"online", retain=True))
        assert asyncio.run(listen(port, "mk/v1/z/+/state", 1)) == [b"online"]
        asyncio.run(listen(port, "mk/v1/z/+/record", 0))
        for number in range(3):
            asyncio.run(publish(port, "mk/v1/z/home/record", b"%d" % number))
    with running(folder, port):
        got = asyncio.run(listen(port, "mk/v1/z/+/record", 3))
    assert sorted(got) == [b"0", b"1", b"2"]


def test_a_taken_port_is_told_in_three_lines(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--dir", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr.startswith(f"error: port {port} cannot be used")
    assert len(done.stderr.splitlines()) == 3
