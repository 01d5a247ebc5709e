"""One MQTT 3.1.1 link that comes back by itself.

A delivery is at least once and an acknowledgement is only a hint: whoever must know asks for a
receipt. Brokers also acknowledge what they do not allow (Mosquitto and NATS both do, and 3.1.1 has
no word for it), so a link listens to one topic of its own and hears whether it may speak.
"""

import asyncio
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiomqtt
import structlog
from paho.mqtt.client import topic_matches_sub

from gateway.contract import tls as tls_files
from gateway.contract import trouble
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.mqtt import ANSWER_S_MAX, Connection, Lost
from gateway.contract.tls import Tls

log = structlog.get_logger()

# Full jitter between these: a thousand gateways must not come back in the same second.
BACKOFF_S_MIN = 1.0
BACKOFF_S_MAX = 300.0
UNTRIED = "not tried yet"
# A connection that held this long counts; one that is closed before that is another failure.
HELD_S = 10.0
# A broker that does not let us speak is tried again after this: somebody may have mended it.
DENIED_AGAIN_S = 60.0

SCHEMES = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens, taken apart from `mqtt[s]://[user:password@]host[:port]`.

    `files` are those that TLS needs, beside what this machine trusts anyway.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    files: Tls | None = None

    @classmethod
    def parse(cls, url: str, *, where: str, files: Tls | None = None) -> "Broker":
        """Raises ConfigError naming `where` for anything else."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode()
        except ValueError:  # a port that is none, a host that no name server can know
            parts, port, host = urlsplit(""), None, ""
        if parts.scheme not in SCHEMES or not host or port == 0 or parts.path not in {"", "/"}:
            what = f"{_without_password(url)!r} is not the address of an MQTT broker"
            raise ConfigError(Problem(what, where, "mqtt://127.0.0.1:1883 or mqtts://HOST:8883"))
        return cls(
            host=host,
            port=port or SCHEMES[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            files=files,
        )

    def __str__(self) -> str:
        """For people, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _without_password(url: str) -> str:
    # Also where it lacks its slashes.
    return re.sub(r"^(\w+:(?://)?[^:@/]*):.*@", r"\1:…@", url)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says of us when we are gone; retained, QoS 1."""

    topic: str
    payload: bytes


class LinkDown(Exception):
    """Nothing was published: there is no connection now."""


class Link:
    """`run()` keeps the connection; `publish()` works while `up` is set.

    `on_message(topic, payload)` is called for every message on a topic that was asked for, in
    order, also while `on_up()` is awaited. That is done after each connect and subscription: the
    place to say again what the broker may have forgotten. `echo` is a topic that it speaks on, and
    that the broker must give back.

    `trouble` says why there is no connection, "" where there is one. `denied` says that there is
    one, and that the broker lets us not say or not hear what we should. `broker_ends_ms` is when
    the certificate that it showed last ends, None without TLS and before it showed one.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        on_message: Callable[[str, bytes], None],
        on_up: Callable[[], Awaitable[None]],
        will: Will | None = None,
        echo: str | None = None,
    ) -> None:
        self.up = asyncio.Event()
        self.name = str(broker)
        self.trouble = UNTRIED
        self.broker_ends_ms: int | None = None
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_up = on_up
        self._will = will
        self._refused: set[str] = set()
        self._echo = Echo(self, echo) if echo else None
        self._connection: Connection | None = None
        self._history = History(self.name)

    @property
    def denied(self) -> bool:
        return bool(self._refused) or (self._echo is not None and self._echo.is_missing)

    @property
    def is_tried(self) -> bool:
        """Whether one attempt at a connection has come to its end."""
        return self.trouble != UNTRIED

    @property
    def is_echoed(self) -> bool:
        """Whether the broker has given back what we said last."""
        return self._echo is not None and self._echo.is_heard

    async def run(self) -> None:
        """Connect, serve, reconnect; ends only when cancelled."""
        while True:
            self.trouble = await self._serve()
            await asyncio.sleep(self._history.lost(self.trouble))

    async def _serve(self) -> str:
        """One connection from its beginning to its end; why it ended."""
        try:
            connection = self._new_connection()
        except OSError as error:
            return _flaw(self._broker.files) or trouble.told(error, host=self._broker.host)
        try:
            await connection.open()
            self._connection = connection
            self.broker_ends_ms = connection.broker_ends_ms()
            hearing = asyncio.create_task(self._hear(connection))
            await self._subscribe(connection)
            self.up.set()
            self.trouble = ""
            self._history.connected()
            await self._on_up()
            if self._echo:
                self._echo.wait()
            return await hearing
        except (Lost, LinkDown) as error:
            return str(error)
        finally:
            self._connection = None
            self.up.clear()
            connection.close()  # whoever hears it ends as well
            if self._echo:
                self._echo.rest()

    async def _hear(self, connection: Connection) -> str:
        """Hand over what comes, until the connection ends; why it ended."""
        try:
            async for topic, payload, retained in connection.incoming():
                if self._echo and topic == self._echo.topic:
                    self._echo.heard(payload, retained=retained)
                elif any(topic_matches_sub(asked, topic) for asked in self._subscriptions):
                    self._on_message(topic, payload)
        except Lost as error:
            return str(error)
        raise AssertionError("what comes ends with Lost")

    def _new_connection(self) -> Connection:
        """Raises OSError where a file of the certificates cannot be used."""
        broker, will = self._broker, self._will
        context: ssl.SSLContext | None = tls_files.context(broker.files) if broker.tls else None
        return Connection(
            broker.host,
            broker.port,
            client_id=self._client_id,
            user=broker.user,
            password=broker.password,
            tls=context,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
        )

    async def _subscribe(self, connection: Connection) -> None:
        filters = [(topic, 1) for topic in self._subscriptions]
        if self._echo:
            filters.append((self._echo.topic, 0))  # nothing of it may wait for us at the broker
        refused = set(await connection.listen(filters))
        for topic in sorted(refused - self._refused):
            try_ = "let whoever keeps the broker give us the right to read it"
            log.error("subscription_denied", broker=self.name, topic=topic, try_=try_)
        self._refused = refused

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Raises LinkDown where there is no connection or it broke before the broker answered."""
        if self._connection is None:
            raise LinkDown(self.trouble)
        if self._echo and topic == self._echo.topic:
            self._echo.expect(payload)
        try:
            await self._connection.say(topic, payload, qos=qos, retain=retain)
        except Lost as error:
            raise LinkDown(str(error)) from error


def _flaw(tls: Tls | None) -> str:
    """What is wrong with our own files, "" where nothing is."""
    return next((flaw.what for flaw in tls_files.flaws(tls)), "") if tls else ""


class History:
    """How the connections went: what is worth a line in the log, and how long to wait now."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = 0
        self._is_told_up = False
        self._told: set[str] = set()
        self._did_hold = True
        self._timer: asyncio.TimerHandle | None = None

    def connected(self) -> None:
        """Told at once, unless the last one did not hold: then once this one has."""
        self._timer = asyncio.get_running_loop().call_later(HELD_S, self._holds)
        if self._did_hold:
            self._tell_up()

    def _holds(self) -> None:
        self._failures = 0
        self._did_hold = True
        self._timer = None
        self._tell_up()

    def _tell_up(self) -> None:
        if not self._is_told_up:
            self._is_told_up, self._told = True, set()
            log.info("link_up", broker=self._name)

    def lost(self, why: str) -> float:
        """There is no connection: gives the seconds until the next attempt."""
        if self._timer:  # it was connected, and not for long
            self._timer.cancel()
            self._timer = None
            self._did_hold = False
        if not self._told or (why in trouble.LASTING and why not in self._told):
            self._is_told_up = False
            self._told.add(why)
            log.warning("link_lost", broker=self._name, reason=why)
        ceiling = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(0.1, ceiling)  # noqa: S311 - jitter, no secret


class Echo:
    """Whether what we say on one topic comes back to us.

    `is_heard` once it did. `is_missing` once it did not within the time that any answer has, until
    it does.
    """

    def __init__(self, link: Link, topic: str) -> None:
        self.topic = topic
        self.is_missing = False
        self.is_heard = False
        self._link = link
        self._expected: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.Future[None] | None = None

    def expect(self, payload: bytes) -> None:
        """We are about to say this."""
        self.rest()
        self.is_heard = False
        self._expected = payload

    def wait(self) -> None:
        """It was said, and acknowledged; now it may take no longer than any answer does."""
        if self._expected is not None:
            self._timer = asyncio.get_running_loop().call_later(ANSWER_S_MAX, self._missed)

    def heard(self, payload: bytes, *, retained: bool) -> None:
        """What the broker had retained, or of another moment, proves nothing."""
        if retained or payload != self._expected:
            return
        self.rest()
        self.is_heard = True
        if self.is_missing:
            self.is_missing = False
            log.info("publish_allowed", broker=self._link.name)

    def _missed(self) -> None:
        if not self.is_missing:
            self.is_missing = True
            log.error(
                "publish_denied",
                broker=self._link.name,
                topic=self.topic,
                try_="see which user or certificate the broker knows us by, and its rights there",
            )
        self._timer = asyncio.get_running_loop().call_later(DENIED_AGAIN_S, self._say_again)

    def _say_again(self) -> None:
        payload = self._expected
        assert payload is not None
        self._again = asyncio.ensure_future(self._say(payload))

    async def _say(self, payload: bytes) -> None:
        try:
            await self._link.publish(self.topic, payload, retain=True)
        except LinkDown:
            return  # the link tells it, and says everything again once it is back
        self.wait()

    def rest(self) -> None:
        """Nothing is expected now."""
        self._expected = None
        if self._timer:
            self._timer.cancel()
            self._timer = None
