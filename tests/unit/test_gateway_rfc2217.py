"""A serial port at the far end of a network, against the server of pyserial's own making."""

import asyncio
import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Iterator

import pytest
import serial
from serial.rfc2217 import SERVER_SET_CONTROL, PortManager

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import ports, rfc2217

# pyserial starts its thread the old way.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


class Terminal(serial.Serial):  # type: ignore[misc]
    """A pseudo-terminal, which has no modem lines; this one does not do 4800 baud either."""

    cts = dsr = ri = cd = False

    def _reconfigure_port(self, *, force_update: bool = False) -> None:
        if self._baudrate == 4800:
            raise ValueError
        super()._reconfigure_port(force_update)

    def _update_rts_state(self) -> None: ...

    def _update_dtr_state(self) -> None: ...

    def _update_break_state(self) -> None: ...


class Manager(PortManager):  # type: ignore[misc]
    """Says nothing where DTR and RTS are set, as ser2net on a port without modem lines."""

    def rfc2217_send_subnegotiation(self, option: bytes, value: bytes = b"") -> None:
        if option != SERVER_SET_CONTROL:
            super().rfc2217_send_subnegotiation(option, value)


class Server:
    """A serial port shared over RFC 2217; its device is at the other end of a pseudo-terminal."""

    def __init__(self) -> None:
        self.device, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.serial = Terminal(os.ttyname(self._theirs), timeout=0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        assert self._connection
        self._connection.sendall(data)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self._connection, _ = self._listener.accept()
            manager = Manager(self.serial, self)
            while True:
                ready, _, _ = select.select([self._connection, self.serial], [], [])
                if self._connection in ready:
                    heard = self._connection.recv(1024)
                    if not heard:
                        return
                    self.serial.write(b"".join(manager.filter(heard)))
                if self.serial in ready:
                    self.write(b"".join(manager.escape(self.serial.read(1024))))

    def hang_up(self) -> None:
        assert self._connection
        self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.hang_up()
        self._listener.close()
        self._thread.join(5)
        self.serial.close()
        os.close(self.device)
        os.close(self._theirs)


@pytest.fixture
def server() -> Iterator[Server]:
    shared = Server()
    yield shared
    shared.close()


async def _readable(port: ports.Port) -> bytes:
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(port.fileno(), ready.set)
    try:
        await asyncio.wait_for(ready.wait(), 10)
    finally:
        loop.remove_reader(port.fileno())
    return port.read()


async def _heard(port: ports.Port, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        heard += await _readable(port)
    return heard


def test_every_byte_passes_both_ways(server: Server) -> None:
    every = bytes(range(256))

    async def scenario() -> None:
        port = await ports.open_port(server.port, Line(9600))
        os.write(server.device, every)
        assert await _heard(port, 256) == every
        assert port.read() == b""
        port.write(every)
        said = b""
        while len(said) < 256:
            said += await asyncio.to_thread(os.read, server.device, 256)
        assert said == every
        port.close()

    asyncio.run(scenario())


def test_speed_is_set_at_the_far_end_after_what_was_written(server: Server) -> None:
    async def scenario() -> None:
        port = await ports.open_port(server.port, Line(300, "8N1"))
        assert server.serial.baudrate == 300
        port.write(b"?!")
        port.set_line(Line(2400, "8N2"))
        port.write(b"ok")
        assert await asyncio.to_thread(os.read, server.device, 10) == b"?!"
        assert server.serial.baudrate == 300
        assert await asyncio.to_thread(os.read, server.device, 10) == b"ok"
        assert (server.serial.baudrate, server.serial.stopbits) == (2400, 2)
        port.close()

    asyncio.run(scenario())


def test_a_server_that_hangs_up_is_a_lost_line(server: Server) -> None:
    async def scenario() -> None:
        port = await ports.open_port(server.port, Line(9600))
        os.write(server.device, b"last")
        assert await _heard(port, 4) == b"last"
        server.hang_up()
        with pytest.raises(LineLost, match="the other end hung up"):
            await _readable(port)
        port.close()

    asyncio.run(scenario())


def test_a_speed_that_the_far_end_cannot_do_loses_the_line(server: Server) -> None:
    async def scenario() -> None:
        port = await ports.open_port(server.port, Line(9600))
        port.set_line(Line(4800))
        with pytest.raises(LineLost, match="it cannot do 4800 baud 8N1"):
            await _readable(port)
        port.close()

    asyncio.run(scenario())


def test_a_server_of_raw_bytes_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial.rfc2217.Timeout, "expired", lambda _: True)
    with socket.create_server(("127.0.0.1", 0)) as raw:
        number = raw.getsockname()[1]
        with pytest.raises(LineLost, match="it does not speak RFC 2217") as lost:
            asyncio.run(ports.open_port(f"rfc2217://127.0.0.1:{number}", Line(9600)))
    assert lost.value.try_ == f'port = "tcp://127.0.0.1:{number}"'


def test_an_address_where_nobody_listens_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = f"rfc2217://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(LineLost, match="nobody listens there"):
            asyncio.run(ports.open_port(port, Line(9600)))


def test_a_server_that_lost_its_power_is_noticed_within_a_minute(server: Server) -> None:
    async def scenario() -> None:
        port = await ports.open_port(server.port, Line(9600))
        same = port._port._socket  # type: ignore[attr-defined]
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        port.close()

    asyncio.run(scenario())


def test_a_port_that_nobody_waits_for_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, closed = threading.Event(), threading.Event()

    class Opened:
        close = closed.set

    def slow(*_: object) -> Opened:
        goes_on.wait(10)
        return Opened()

    monkeypatch.setattr(rfc2217, "_open", slow)

    async def scenario() -> None:
        task = asyncio.create_task(ports.open_port("rfc2217://x:1", Line(9600)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not closed.is_set()
        goes_on.set()
        assert await asyncio.to_thread(closed.wait, 10)

    asyncio.run(scenario())
