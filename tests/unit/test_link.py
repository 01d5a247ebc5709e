"""The link: whatever a broker does, it comes back, says why it was away, and leaves nothing."""

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.contract import link as links
from gateway.contract import mqtt
from gateway.contract.errors import ConfigError
from gateway.contract.link import Broker, History, Link, LinkDown, Will
from tests import fakebroker
from tests.fakebroker import PUBLISH, Behaviour, Client, FakeBroker

STATE = "mk/v1/z/home/state"


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What is closed is closed by us, and not by Python some time later."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of a second where it is seconds in life."""
    for module in (mqtt, links):
        monkeypatch.setattr(module, "ANSWER_S_MAX", 0.2)
    monkeypatch.setattr(mqtt, "LOOK_S", 0.02)
    monkeypatch.setattr(links, "BACKOFF_S_MAX", 0.02)
    monkeypatch.setattr(links.random, "uniform", lambda low, high: min(high, 0.02))


class Bench:
    """A link to a fake broker, and what came over it."""

    def __init__(self, fake: FakeBroker) -> None:
        self.fake = fake
        self.got: list[tuple[str, bytes]] = []
        self.link = Link(
            Broker.parse(f"mqtt://127.0.0.1:{fake.port}", where="broker"),
            client_id="mk-z-home",
            subscriptions=["mk/v1/z/home/receipt"],
            on_message=self._on_message,
            on_up=self._on_up,
            will=Will(STATE, b"offline"),
            echo=STATE,
        )

    def _on_message(self, topic: str, payload: bytes) -> None:
        self.got.append((topic, payload))

    async def _on_up(self) -> None:
        await self.link.publish(STATE, b"online", retain=True)


Until = Callable[[Bench], object]


async def until(bench: Bench, is_so: Until) -> None:
    async with asyncio.timeout(5):
        while not is_so(bench):
            await asyncio.sleep(0.01)


def live(
    behaviour: Behaviour, is_so: Until, *, then: Callable[[Bench], Awaitable[object]] | None = None
) -> Bench:
    """Run a link until `is_so`; it must then end at once and leave neither socket nor task."""

    async def scenario() -> Bench:
        async with fakebroker.broker(behaviour) as fake:
            bench = Bench(fake)
            before = open_files(), len(asyncio.all_tasks())
            running = asyncio.create_task(bench.link.run())
            await until(bench, is_so)
            if then:
                await then(bench)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            for task in fake.tasks:
                task.cancel()
            await asyncio.gather(*fake.tasks, return_exceptions=True)
            await until(bench, lambda _: before == (open_files(), len(asyncio.all_tasks())))
            return bench

    return asyncio.run(scenario())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def serving(**kinds: object) -> Behaviour:
    async def behave(client: Client) -> None:
        await client.connected()
        await client.serve(**kinds)  # type: ignore[arg-type]

    return behave


def first_then(first: Behaviour, then: Behaviour) -> Behaviour:
    """The first client meets one behaviour, all others another."""
    met: list[Client] = []

    async def behave(client: Client) -> None:
        met.append(client)
        await (first if len(met) == 1 else then)(client)

    return behave


def saying(*packets: bytes, before: bytes = b"") -> Behaviour:
    """Says yes to the client, with these packets before and after, and then serves it."""

    async def behave(client: Client) -> None:
        await client.next()
        client.send(before + fakebroker.CONNACK)
        for packet in packets:
            client.send(packet)
        await client.serve()

    return behave


def answering(answer: bytes, *, wait: bool = True) -> Behaviour:
    """Reads the CONNECT, answers with these bytes, and then stands still or closes."""

    async def behave(client: Client) -> None:
        await client.next()
        client.send(answer)
        if wait:
            await asyncio.sleep(60)

    return behave


async def close_at_once(client: Client) -> None:
    return


async def never_read(client: Client) -> None:
    await asyncio.sleep(60)


async def stop_reading(client: Client) -> None:
    await client.connected()
    await client.next()
    client.send(fakebroker.packet(0x90, client.packets[-1][1][:2] + b"\1\0"))
    await asyncio.sleep(60)


def test_an_ordinary_broker_gets_will_and_state_and_hands_over_what_comes() -> None:
    receipt = fakebroker.publish("mk/v1/z/home/receipt", b"paper", qos=1)
    bench = live(saying(receipt), lambda b: b.got and b.fake.has_heard(PUBLISH))
    assert [("mk/v1/z/home/receipt", b"paper")] == bench.got
    assert ("", False) == (bench.link.trouble, bench.link.denied)
    (client,) = bench.fake.clients
    # CONNECT, SUBSCRIBE, PUBLISH of the state, PUBACK of what came.
    assert {1, 8, 3, 4} == {kind for kind, _ in client.packets}
    assert b"mk-z-home" in client.packets[0][1]
    assert b"\x00\x12mk/v1/z/home/state\x00\x07offline" in client.packets[0][1]


@pytest.mark.parametrize(
    ("trouble", "behaviour"),
    [
        pytest.param(
            "it closed the connection without a word; perhaps it wants TLS, mqtts://",
            close_at_once,
            id="closes",
        ),
        pytest.param(
            "it closed the connection without a word; perhaps it wants TLS, mqtts://",
            answering(b"", wait=False),
            id="closes-late",
        ),
        pytest.param(
            "it closed the connection", answering(fakebroker.CONNACK, wait=False), id="drops"
        ),
        pytest.param("it does not answer", never_read, id="accepts-and-is-silent"),
        pytest.param("it does not answer", answering(b""), id="no-connack"),
        pytest.param(
            "it has been silent for 0.2 s", answering(fakebroker.CONNACK), id="no-suback"
        ),
        pytest.param("it has been silent for 0.2 s", stop_reading, id="stops-reading"),
        pytest.param(
            "it has been silent for 0.2 s", serving(acks=False, echoes=False), id="no-puback"
        ),
        pytest.param(
            "it does not speak MQTT 3.1.1",
            answering(b"\x20\x02\x00\x01"),
            id="refuses-version",
        ),
        pytest.param(
            "it does not take our client id", answering(b"\x20\x02\x00\x02"), id="refuses-id"
        ),
        pytest.param(
            "it says that it is not ready", answering(b"\x20\x02\x00\x03"), id="not-ready"
        ),
        pytest.param(
            "user or password is wrong", answering(b"\x20\x02\x00\x04"), id="wrong-password"
        ),
        pytest.param(
            "it does not let us in; ask who keeps it which users and certificates it knows",
            answering(b"\x20\x02\x00\x05"),
            id="not-let-in",
        ),
        pytest.param(
            "it does not speak MQTT 3.1.1", answering(b"\0\0\0\0"), id="another-protocol"
        ),
        pytest.param(
            "it does not speak MQTT 3.1.1",
            answering(fakebroker.CONNACK + fakebroker.publish("", b"x")),
            id="empty-topic",
        ),
        pytest.param(
            "it does not speak MQTT 3.1.1",
            answering(fakebroker.CONNACK + b"\xf0\x00"),
            id="unknown-packet",
        ),
        pytest.param(
            "it does not speak MQTT 3.1.1",
            answering(fakebroker.CONNACK + b"\x30\xff\xff\xff\xff\x01"),
            id="endless-length",
        ),
        pytest.param(
            "it sends a message of more than 128 KiB",
            answering(fakebroker.CONNACK + b"\x30\x80\x80\x10"),
            id="too-long",
        ),
        pytest.param(
            "it sends with QoS 2, which nobody asked for",
            answering(fakebroker.CONNACK + fakebroker.publish("t", b"x", qos=2)),
            id="qos-2",
        ),
    ],
)  # fmt: skip
def test_a_bad_broker_is_given_up_with_the_reason_and_tried_again(
    trouble: str, behaviour: Behaviour
) -> None:
    with capture_logs() as logs:
        bench = live(behaviour, lambda b: len(b.fake.clients) >= 2 and b.link.trouble)
    assert trouble == bench.link.trouble
    assert not bench.link.up.is_set()
    lost = [entry["reason"] for entry in logs if entry["event"] == "link_lost"]
    assert [trouble] == lost


def test_nobody_listening_is_told() -> None:
    async def scenario() -> str:
        async with fakebroker.broker(close_at_once) as fake:
            pass
        bench = Bench(fake)
        return await bench.link._serve()

    assert "nobody listens there" == asyncio.run(scenario())


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param([fakebroker.publish(b"\xff\xfe", b"x")], id="topic-not-utf8"),
        pytest.param([fakebroker.publish("mk/v1/z/other/receipt", b"x")], id="topic-of-another"),
        pytest.param([b"\x40\x02\x12\x34"], id="puback-of-nothing"),
        pytest.param([b"\x90\x03\x12\x34\x01"], id="suback-of-nothing"),
        pytest.param([b"\xb0\x02\x12\x34"], id="unsuback-of-nothing"),
        pytest.param([b"\xd0\x00"], id="pong-of-nothing"),
        pytest.param([fakebroker.CONNACK], id="second-yes"),
        pytest.param([fakebroker.publish(STATE, b"online", qos=1)] * 3, id="duplicates"),
    ],
)
def test_what_nobody_asked_for_is_passed_over(packets: list[bytes]) -> None:
    last = fakebroker.publish("mk/v1/z/home/receipt", b"last")
    bench = live(
        saying(*packets, last), lambda b: b.link.up.is_set() and b.got and b.got[-1][1] == b"last"
    )
    assert [("mk/v1/z/home/receipt", b"last")] == bench.got
    assert 1 == len(bench.fake.clients)


def test_what_comes_before_the_yes_is_heard_as_well() -> None:
    early = fakebroker.publish("mk/v1/z/home/receipt", b"early", qos=1)
    bench = live(saying(before=early), lambda b: b.got and b.link.up.is_set())
    assert [("mk/v1/z/home/receipt", b"early")] == bench.got


def test_a_publish_that_is_acknowledged_and_not_passed_on_is_told_once() -> None:
    with capture_logs() as logs:
        bench = live(serving(echoes=False), lambda b: b.link.denied)
    assert bench.link.trouble == ""
    told = [entry for entry in logs if entry["event"] == "publish_denied"]
    assert [STATE] == [entry["topic"] for entry in told]
    assert "which user or certificate" in told[0]["try_"]


def test_a_broker_that_was_mended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "DENIED_AGAIN_S", 0.05)

    async def mended(client: Client) -> None:
        await client.connected()
        try:
            async with asyncio.timeout(0.4):
                await client.serve(echoes=False)
        except TimeoutError:
            await client.serve()

    denied: list[bool] = []
    with capture_logs() as logs:
        bench = live(
            mended, lambda b: denied.append(b.link.denied) or (True in denied and not denied[-1])
        )
    assert 1 == len(bench.fake.clients)
    assert ["link_up", "publish_denied", "publish_allowed"] == [entry["event"] for entry in logs]


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(fakebroker.packet(0x31, fakebroker.text(STATE) + b"online"), id="retained"),
        pytest.param(fakebroker.publish(STATE, b"offline"), id="of-another-moment"),
    ],
)
def test_only_our_own_word_of_now_proves_that_we_may_speak(packet: bytes) -> None:
    async def behave(client: Client) -> None:
        await client.connected()
        serving = asyncio.create_task(client.serve(echoes=False))
        while client.packets[-1][0] != PUBLISH:
            await asyncio.sleep(0.01)
        client.send(packet)
        await serving

    assert live(behave, lambda b: b.link.denied).link.denied


def test_a_subscription_that_is_refused_is_told_once() -> None:
    async def refuse(client: Client) -> None:
        await client.connected()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.serve(granted=0x80)

    with capture_logs() as logs:
        bench = live(refuse, lambda b: len(b.fake.clients) == 3 and b.link.up.is_set())
    assert bench.link.denied
    told = [entry["topic"] for entry in logs if entry["event"] == "subscription_denied"]
    assert ["mk/v1/z/home/receipt", STATE] == told


def test_who_waits_for_an_answer_hears_at_once_that_the_connection_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "ANSWER_S_MAX", 60.0)

    async def close_on_record(client: Client) -> None:
        await client.connected()
        serving = asyncio.create_task(client.serve(acks=False))
        while not any(b"/record" in body for kind, body in client.packets if kind == PUBLISH):
            await asyncio.sleep(0.01)
        serving.cancel()

    async def then(bench: Bench) -> None:
        with pytest.raises(LinkDown, match="it closed the connection"):
            await asyncio.gather(
                *(bench.link.publish("mk/v1/z/home/record", bytes(60_000)) for _ in range(40))
            )

    live(first_then(close_on_record, serving()), lambda b: b.link.up.is_set(), then=then)


def test_a_slow_line_is_not_taken_for_a_broker_that_stands_still() -> None:
    size = 2_000_000

    async def slow(client: Client) -> None:
        # What is not read waits with the sender.
        line: socket.socket = client.writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        await client.connected()
        while client.packets[-1][0] != PUBLISH:
            kind, body = await client.next()
            if kind == fakebroker.SUBSCRIBE:
                client.send(fakebroker.packet(0x90, body[:2] + b"\1\0"))
        client.send(b"\x40\x02\0\2")
        left, slices = size, 40
        while left > 0:
            left -= len(await client.reader.readexactly(min(left, size // slices)))
            await asyncio.sleep(0.02)
        client.send(b"\x40\x02\0\3")
        await client.serve()

    async def then(bench: Bench) -> None:
        # 40 slices at 0.02 s take four times as long as a broker may be silent.
        await bench.link.publish("t", bytes(size))
        assert bench.link.up.is_set()

    bench = live(slow, lambda b: b.link.up.is_set() and b.fake.has_heard(PUBLISH), then=then)
    assert 1 == len(bench.fake.clients)


def test_a_flood_is_dropped_beyond_the_bound_and_keeps_no_answer_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "INBOX_MAX", 10)

    async def scenario() -> list[bytes]:
        flood = b"".join(
            fakebroker.publish("t", b"%d" % number, qos=1, mid=number) for number in range(1, 400)
        )
        async with fakebroker.broker(saying(flood)) as fake:
            bench = Bench(fake)
            connection = bench.link._new_connection()
            await connection.open()
            assert [] == await connection.listen([("t", 1)])
            await connection.say("t", b"", qos=1, retain=False)
            connection.close()
            return [message.payload for message in connection._inbox]

    assert [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"10"] == asyncio.run(scenario())


def test_a_connection_that_comes_about_after_all_is_closed() -> None:
    """Cancelled while a thread connects, the socket that it then has is nobody's."""

    async def slow_yes(client: Client) -> None:
        await asyncio.sleep(0.1)
        await client.reader.read()  # until the client goes

    async def scenario() -> None:
        async with fakebroker.broker(slow_yes) as fake:
            bench = Bench(fake)
            before = open_files()
            running = asyncio.create_task(bench.link.run())
            await asyncio.sleep(0)  # the thread is under way, and nobody awaited it yet
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            async with asyncio.timeout(3):
                while not fake.tasks or not all(task.done() for task in fake.tasks):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert before == open_files()

    asyncio.run(scenario())


def test_the_log_says_once_lost_and_once_back_whatever_loops_between() -> None:
    closing = answering(fakebroker.CONNACK, wait=False)
    met: list[Client] = []

    async def behave(client: Client) -> None:
        met.append(client)
        await (closing if 1 < len(met) < 8 else serving_once)(client)

    async def serving_once(client: Client) -> None:
        await client.connected()
        if len(met) == 1:
            serving = asyncio.create_task(client.serve())
            await asyncio.sleep(0.1)
            serving.cancel()
        else:
            await client.serve()

    with capture_logs() as logs:
        live(behave, lambda b: len(met) >= 8 and b.link.up.is_set())
    # The connection of now is told once it has held.
    assert ["link_up", "link_lost"] == [entry["event"] for entry in logs]


def test_the_waits_grow_to_five_minutes_and_begin_anew_after_a_connection_that_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "BACKOFF_S_MAX", 300.0)
    monkeypatch.setattr(links.random, "uniform", lambda low, high: high)
    monkeypatch.setattr(links, "HELD_S", 0.01)

    async def scenario() -> None:
        history = History("broker:1883")
        assert [1.0, 2.0, 4.0, 8.0] == [history.lost("away") for _ in range(4)]
        history.connected()  # closed right away
        assert [16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0] == [
            history.lost("away") for _ in range(7)
        ]
        history.connected()
        await asyncio.sleep(0.03)
        assert [1.0, 2.0] == [history.lost("away") for _ in range(2)]

    asyncio.run(scenario())


def test_waits_are_drawn_from_the_whole_of_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []
    monkeypatch.setattr(links, "BACKOFF_S_MAX", 300.0)
    monkeypatch.setattr(links.random, "uniform", lambda *ends: drawn.append(ends) or 0.0)
    history = History("broker:1883")
    for _ in range(3):
        history.lost("away")
    assert [(0.1, 1.0), (0.1, 2.0), (0.1, 4.0)] == drawn


@pytest.mark.parametrize(
    ("url", "expected", "name"),
    [
        ("mqtt://hub", Broker("hub", 1883, False, None, None), "hub:1883"),
        ("mqtts://hub", Broker("hub", 8883, True, None, None), "hub:8883"),
        ("mqtt://[::1]:99/", Broker("::1", 99, False, None, None), "[::1]:99"),
        ("mqtt://noor:p%40ss@hub", Broker("hub", 1883, False, "noor", "p@ss"), "hub:1883"),
        ("mqtt://zonneweg.café", Broker("zonneweg.xn--caf-dma", 1883, False, None, None),
         "zonneweg.xn--caf-dma:1883"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart_and_told_without_its_password(
    url: str, expected: Broker, name: str
) -> None:
    assert expected == Broker.parse(url, where="broker")
    assert name == str(Broker.parse(url, where="broker"))


@pytest.mark.parametrize("url", ["mqtt://a..b", "mqtt://hub:0", "mqtt://hub/topic", "mqtt://:1883"])
def test_an_address_that_no_machine_can_have_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="is not the address of an MQTT broker"):
        Broker.parse(url, where="broker")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mqtt://noor:se:cr@et@hub:port", "mqtt://noor:…@hub:port"),
        ("mqtt:noor:geheim@hub", "mqtt:noor:…@hub"),
        ("mqtt://noor:ge/h@eim@hub:1883", "mqtt://noor:…@hub:1883"),
    ],
    ids=["port", "no slashes", "slash and @"],
)
def test_a_password_is_not_told_with_a_wrong_address(url: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Broker.parse(url, where="broker")
    assert f"'{told}' is not the address of an MQTT broker" == refused.value.problems[0].what


def connection(fake: FakeBroker, tls: ssl.SSLContext | None = None) -> mqtt.Connection:
    return mqtt.Connection(
        "127.0.0.1", fake.port, client_id="x", user=None, password=None, tls=tls, will=None
    )


def test_a_broker_that_stalls_the_handshake_is_given_up_with_its_socket() -> None:
    async def until_gone(client: Client) -> None:
        while await client.reader.read(1000):
            pass

    async def scenario() -> str:
        async with fakebroker.broker(until_gone) as fake:
            before = open_files()
            stalled = connection(fake, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            stalled._client.connect_timeout = 0.1
            with pytest.raises(mqtt.Lost) as lost:
                await stalled.open()
            stalled.close()
            async with asyncio.timeout(3):
                while before != open_files():
                    await asyncio.sleep(0.01)
            return str(lost.value)

    assert "it does not answer" == asyncio.run(scenario())


def test_a_cancellation_that_comes_with_the_answer_is_not_forgotten() -> None:
    async def scenario() -> bool:
        answer = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(connection(FakeBroker())._wait_for(answer, None))
        await asyncio.sleep(0)
        answer.set_result(None)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert asyncio.run(scenario())


def test_what_the_broker_has_against_us_is_told_although_the_link_was_lost_by_something_else():
    closed, withdrawn = (
        "it closed the connection",
        "the broker says that our certificate was withdrawn",
    )
    history = History("broker:1883")
    with capture_logs() as logs:
        for why in (closed, "nobody listens there", withdrawn, closed, withdrawn):
            history.lost(why)
    assert [closed, withdrawn] == [entry["reason"] for entry in logs]
