"""One MQTT 3.1.1 connection that comes back by itself.

A delivery is at least once and an acknowledgement is only a hint: whoever must know asks for a
receipt. Spec: MQTT 3.1.1; aiomqtt 2 underneath (it acknowledges before we see a message, so the
incoming queue is not bounded here: the sender bounds what is under way).
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt
import structlog

from gateway.contract.errors import ConfigError, Problem

log = structlog.get_logger()

# Full jitter between these: a thousand gateways must not come back in the same second.
BACKOFF_S_MIN = 1.0
BACKOFF_S_MAX = 300.0
# Answers of the broker are waited for this long before the connection counts as lost.
ANSWER_S_MAX = 10.0

SCHEMES = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens, taken apart from `mqtt[s]://[user:password@]host[:port]`."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str, *, where: str) -> "Broker":
        """Raises ConfigError naming `where` for anything else."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in SCHEMES or not parts.hostname:
            what = f"{url!r} is not the address of an MQTT broker"
            raise ConfigError(Problem(what, where, "mqtt://127.0.0.1:1883 or mqtts://HOST:8883"))
        return cls(
            host=parts.hostname,
            port=port or SCHEMES[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=parts.username,
            password=parts.password,
        )


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says of us when we are gone; retained, QoS 1."""

    topic: str
    payload: bytes


class LinkDown(Exception):
    """Nothing was published: there is no connection now."""


class Link:
    """`run()` keeps the connection; `publish()` works while `up` is set.

    `on_message(topic, payload)` is called for every message, in order. `on_up()` is awaited after
    each connect and subscription: the place to say again what the broker may have forgotten.
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
    ) -> None:
        self.up = asyncio.Event()
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_up = on_up
        self._will = will
        self._client: aiomqtt.Client | None = None
        # paho tells of every lost socket through this logger; we log once ourselves.
        self._quiet = logging.getLogger("meterkast.mqtt")
        self._quiet.setLevel(logging.CRITICAL)

    def _new_client(self) -> aiomqtt.Client:
        broker, will = self._broker, self._will
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            identifier=self._client_id,
            clean_session=False,
            timeout=ANSWER_S_MAX,
            keepalive=30,
            logger=self._quiet,
            tls_context=ssl.create_default_context() if broker.tls else None,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
        )
        client.pending_calls_threshold = 10_000
        return client

    async def run(self) -> None:
        """Connect, serve, reconnect; ends only when cancelled."""
        failures = 0
        while True:
            try:
                async with self._new_client() as client:
                    self._client = client
                    for subscription in self._subscriptions:
                        await client.subscribe(subscription, qos=1)
                    self.up.set()
                    log.info("link_up", broker=f"{self._broker.host}:{self._broker.port}")
                    failures = 0
                    await self._on_up()
                    async for message in client.messages:
                        self._on_message(message.topic.value, _payload(message.payload))
            except (aiomqtt.MqttError, LinkDown) as error:
                if self.up.is_set() or failures == 0:
                    log.warning("link_lost", broker=self._broker.host, reason=str(error))
            finally:
                self._client = None
                self.up.clear()
            failures += 1
            ceiling = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(failures - 1, 10))
            await asyncio.sleep(random.uniform(0.1, ceiling))  # noqa: S311 - jitter, no secret

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Raises LinkDown where there is no connection or it broke before the broker answered."""
        if self._client is None:
            raise LinkDown
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError as error:
            raise LinkDown(str(error)) from error


def _payload(payload: object) -> bytes:
    assert isinstance(payload, bytes), type(payload)
    return payload
