"""One MQTT 3.1.1 connection from its beginning to its end, on aiomqtt.

aiomqtt and paho speak the protocol. What they leave open is closed here, for a program that runs
for years against brokers of every kind: the end of a connection is heard at once by all who wait
on it, its cause is told, and nothing of it stays behind; a broker that stands still is given up;
and what it sends is bounded.
"""

import asyncio
import fcntl
import logging
import socket
import ssl
import sys
import termios
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, NamedTuple, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from gateway.contract import trouble

# A broker that neither takes nor sends a byte for this long while it owes an answer stands still.
ANSWER_S_MAX = 10.0
# The longest that one answer is waited for, however busy the broker is.
SLOW_S_MAX = 120.0
KEEPALIVE_S = 30
LOOK_S = 1.0
# Messages that came and were not looked at; what comes beyond is dropped, and comes again: nothing
# here counts until somebody has a receipt for it. To stop reading instead would keep the answers
# from us that others wait for.
INBOX_MAX = 1000
# A record has at most 64 KiB; paho itself would hold the 256 MiB that the protocol allows.
PACKET_BYTES_MAX = 131_072

FAILURE = 0x80

T = TypeVar("T")

# Why paho ends a connection by itself, by its own names.
_ENDS = {
    "Keep alive timeout": f"it has been silent for {KEEPALIVE_S} s",
    "Protocol error": "it does not speak MQTT 3.1.1",
}


class Lost(Exception):
    """There is no connection, or none any more; says why in people's words."""


class Message(NamedTuple):
    """What came; `retained` where the broker had it before we asked."""

    topic: str
    payload: bytes
    retained: bool


class Connection(aiomqtt.Client):
    """Used once: `open`, then the rest, and `close` whatever happened.

    Closing says no goodbye: so the broker says our will, also after an orderly end.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        user: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
        will: aiomqtt.Will | None,
    ) -> None:
        # A logger of our own that prints nothing: paho tells causes nowhere else.
        log = logging.Logger("paho", logging.ERROR)
        log.addHandler(_Causes(self))
        super().__init__(
            host,
            port,
            username=user,
            password=password,
            identifier=client_id,
            clean_session=False,
            timeout=ANSWER_S_MAX,
            keepalive=KEEPALIVE_S,
            logger=log,
            tls_context=tls,
            will=will,
        )
        self.pending_calls_threshold = 2**16
        self.cause: Exception | None = None
        self._has_tls = tls is not None
        self._is_closed = False
        self._inbox: deque[Message] = deque()
        self._stirred = asyncio.Event()
        self._moved_s = self._loop.time()

    async def open(self) -> None:
        """Connect. Raises Lost."""
        try:
            await self.__aenter__()
        except MqttConnectError as error:
            self.cause = error  # it closed the connection as well, which says less
            raise self._lost() from error
        except aiomqtt.MqttError as error:
            self.end(TimeoutError())
            said = str(self._lost())
            if said == trouble.CLOSED:
                said = trouble.CLOSED_EARLY[self._has_tls]
            raise Lost(said) from error

    def socket(self) -> object:
        """The socket under the connection, None where there is none."""
        return self._client.socket()

    def broker_ends_ms(self) -> int | None:
        """When the certificate that the broker showed ends, UTC; None without TLS."""
        sock = self._client.socket()
        shown = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        return ssl.cert_time_to_seconds(str(shown["notAfter"])) * 1000 if shown else None

    async def listen(self, filters: Sequence[tuple[str, int]]) -> list[str]:
        """Subscribe to topic filters with their QoS; gives those refused. Raises Lost."""
        if not filters:
            return []
        self._begin_to_wait()
        try:
            codes = await self.subscribe(list(filters), timeout=SLOW_S_MAX)
        except aiomqtt.MqttError as error:
            self.end(TimeoutError())
            raise self._lost() from error
        numbers = [code.value if isinstance(code, ReasonCode) else code for code in codes]
        if len(numbers) != len(filters):
            self.end(Lost("it answers what was not asked"))
            raise self._lost()
        return [name for (name, _), code in zip(filters, numbers, strict=True) if code >= FAILURE]

    async def say(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Publish, and wait until the broker has it. Raises Lost."""
        if self.cause:
            raise self._lost()
        self._begin_to_wait()
        try:
            await self.publish(topic, payload, qos=qos, retain=retain, timeout=SLOW_S_MAX)
        except aiomqtt.MqttError:
            self.end(TimeoutError())
        if self.cause:
            raise self._lost()

    async def incoming(self) -> AsyncIterator[Message]:
        """What comes, in order, until the end. Raises Lost."""
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            if self.cause:
                raise self._lost()
            self._stirred.clear()
            await self._stirred.wait()

    def end(self, cause: Exception) -> None:
        """This is over: all who wait hear of it. The first cause is the one that is told."""
        self.cause = self.cause or cause
        gone = aiomqtt.MqttError(str(self.cause))
        futures: list[asyncio.Future[Any]] = [self._connected, self._disconnected]
        for future in (*futures, *self._pending_subscribes.values()):
            if not future.done():
                future.set_exception(gone)
                future.exception()  # whether or not anybody waits
        for waiting in self._pending_publishes.values():
            waiting.set()
        self._stirred.set()

    def close(self) -> None:
        """Let go of the socket and of everything that waits on it."""
        self.end(Lost("closed by us"))
        self._is_closed = True
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            self._let_go(sock)
            sock.close()
        if self._misc_task:
            self._misc_task.cancel()
        assert self.cause
        self.cause.__traceback__ = None  # it holds the socket of a handshake that failed

    def _lost(self) -> Lost:
        assert self.cause
        if isinstance(self.cause, Lost):
            return Lost(str(self.cause))
        return Lost(trouble.told(self.cause, host=self._hostname))

    def _begin_to_wait(self) -> None:
        """Silence counts from the moment that an answer is owed."""
        if next(self._pending_calls, None) is None:
            self._moved_s = self._loop.time()

    # From here on: what aiomqtt calls, or has paho call.

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        """Not with `asyncio.wait_for`: that of Python 3.11 forgets a cancellation that comes with
        the answer."""
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError as error:
            raise aiomqtt.MqttError from error

    def _client_connect(self) -> None:
        """In a thread of its own, which nobody can stop: see `_opened`."""
        try:
            super()._client_connect()
        except OSError as error:
            self.cause = self.cause or error
            raise

    def _on_disconnect(self, *told: Any) -> None:
        reason: object = told[3]
        self.end(Lost(_ENDS.get(str(reason), trouble.CLOSED)))

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # nothing that we asked for
        if len(self._inbox) < INBOX_MAX:
            self._inbox.append(Message(topic, bytes(message.payload), message.retain))
            self._stirred.set()

    def _on_socket_open(self, _client: object, _userdata: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._opened, sock)

    def _opened(self, sock: Any) -> None:
        if self._is_closed:  # cancelled while the thread was connecting
            sock.close()
            return
        self._loop.add_reader(sock.fileno(), self._read)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def _on_socket_close(self, _client: object, _userdata: object, sock: Any) -> None:
        self._let_go(sock)

    def _on_socket_register_write(self, _client: object, _userdata: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._want_to_write, sock)

    def _want_to_write(self, sock: Any) -> None:
        is_ours: bool = sock is self._client.socket()
        if is_ours and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write)

    def _on_socket_unregister_write(self, _client: object, _userdata: object, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())

    def _let_go(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    def _read(self) -> None:
        self._moved_s = self._loop.time()
        try:
            self._client.loop_read()
            while _holds_more(self._client.socket()):
                self._client.loop_read()
        except Exception as error:  # noqa: BLE001 - whatever paho makes of a broker's bytes
            self.end(Lost(f"it does not speak MQTT 3.1.1: {error!r}"))
        # paho keeps both without a limit, and has no setting for it.
        if self._client._in_packet["remaining_length"] > PACKET_BYTES_MAX:  # noqa: SLF001
            self.end(Lost(f"it sends a message of more than {PACKET_BYTES_MAX // 1024} KiB"))
        if self._client._in_messages:  # noqa: SLF001
            self.end(Lost("it sends with QoS 2, which nobody asked for"))

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001 - as in _read
            self.end(error)

    async def _misc_loop(self) -> None:
        """Once a second: paho's pings, and whether the broker still moves."""
        unsent = 0
        while self._client.loop_misc() == paho.MQTT_ERR_SUCCESS:
            if (sock := self._client.socket()) is None:
                return
            before, unsent = unsent, _unsent(sock)
            if unsent != before:
                self._moved_s = self._loop.time()
            is_owed = next(self._pending_calls, None) is not None
            if is_owed and self._loop.time() - self._moved_s > ANSWER_S_MAX:
                self.end(Lost(f"it has been silent for {ANSWER_S_MAX:g} s"))
            await asyncio.sleep(LOOK_S)


class _Causes(logging.Handler):
    """Keeps the first error that paho logs, for it tells nobody else why a socket failed."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        for fact in record.args if isinstance(record.args, tuple) else ():
            if isinstance(fact, OSError) and not self._connection.cause:
                is_cut = isinstance(fact, ssl.SSLEOFError | ConnectionError)
                said = _alert(self._connection.socket()) if is_cut else None
                self._connection.cause = said or fact


def _alert(sock: object) -> OSError | None:
    """What the other end said over TLS before it hung up, None where it said nothing.

    In TLS 1.3 our handshake is over before the broker has judged our certificate: we may still be
    writing when its alert lies here unread.
    """
    if isinstance(sock, ssl.SSLSocket):
        try:
            sock.recv(1)
        except ssl.SSLEOFError:
            return None
        except ssl.SSLError as error:
            return None if isinstance(error, ssl.SSLWantReadError) else error
        except (OSError, ValueError):
            return None
    return None


def _unsent(sock: Any) -> int:
    """Bytes that we wrote and the other end has not acknowledged; a slow line takes them slowly."""
    # SIOCOUTQ of tcp(7), by its other name.
    told = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(told, sys.byteorder)


def _holds_more(sock: object) -> bool:
    """Whether TLS has bytes that a look at the socket does not show."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
