"""The link against real brokers: Mosquitto with TLS, certificates and rights, and NATS.

Mosquitto runs with the files in `deploy/`, and the certificates are those of the hub's CA.
"""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from gateway.contract import link as links
from gateway.contract import mqtt, tls, topics
from gateway.contract.link import Broker, Link, Will
from gateway.contract.tls import Tls
from ledger_bridge.certificates import Authority
from tests.certificates import LONG_AGO, certificate, pair
from tests.system.brokers import Mosquitto
from tests.system.programs import Program, free_port

pytestmark = pytest.mark.system

Z = "mk/v1/zonstraat"
RECORDS = f"{Z}/+/record"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for an attempt, or for an echo that does not come."""
    monkeypatch.setattr(links, "BACKOFF_S_MAX", 0.1)
    monkeypatch.setattr(links, "ANSWER_S_MAX", 0.5)
    monkeypatch.setattr(mqtt, "ANSWER_S_MAX", 3.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The community's CA, with certificates for broker, bridge and two gateways."""
    made = Authority.create(tmp_path_factory.mktemp("hub") / "tls", community="zonstraat")
    made.broker("127.0.0.1")
    for name in ("home-noor", "home-bram", "stolen"):
        pair(made, name)
    made.revoke("stolen")
    return made


def of(authority: Authority, name: str) -> Tls:
    """The files of a gateway, or of the bridge."""
    if name == "bridge":
        return Tls(ca=authority.certificate, certificate=authority.bridge, key=authority.bridge)
    path = authority.folder / "gateways" / name
    return Tls(
        ca=authority.certificate,
        certificate=path.with_name(f"{path.name}.crt"),
        key=path.with_name(f"{path.name}.key"),
    )


class End:
    """One end of a link: what it heard, and its state said on each connect."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        tls: Tls | None = None,
        hears: list[str] | None = None,
        state: str = "",
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.state = state or topics.topic("zonstraat", name, "state")
        self.ups = 0
        self.link = Link(
            Broker.parse(url, where="broker", files=tls),
            client_id=f"mk-zonstraat-{name}",
            subscriptions=hears if hears is not None else [f"{Z}/{name}/receipt"],
            on_message=lambda topic, payload: self.got.append((topic, payload)),
            on_up=self._on_up,
            will=Will(self.state, b"offline"),
            echo=self.state,
        )

    async def _on_up(self) -> None:
        self.ups += 1
        await self.link.publish(self.state, b"online", retain=True)

    async def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await self.link.publish(topic, payload, retain=retain)


@asynccontextmanager
async def up(*ends: End) -> AsyncIterator[None]:
    """These ends, connected."""
    running = [asyncio.create_task(end.link.run()) for end in ends]
    try:
        async with asyncio.timeout(10):
            for end in ends:
                await end.link.up.wait()
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def until(is_so, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


def gateway(mosquitto: Mosquitto, authority: Authority, name: str, **kinds) -> End:
    return End(f"mqtts://127.0.0.1:{mosquitto.port}", name, tls=of(authority, name), **kinds)


def bridge(mosquitto: Mosquitto, authority: Authority, hears: list[str]) -> End:
    url, state = f"mqtts://127.0.0.1:{mosquitto.port}", topics.hub("zonstraat")
    return End(url, "bridge", tls=of(authority, "bridge"), hears=hears, state=state)


def test_what_belongs_to_a_gateway_passes_both_ways(mosquitto, authority):
    leaves = [f"{Z}/+/{leaf}" for leaf in ("state", "birth", "record", "health", "renew")]
    hub = bridge(mosquitto, authority, leaves)
    mine = [f"{Z}/home-noor/{leaf}" for leaf in ("receipt", "credit", "command", "certificate")]
    ours = [f"{Z}/{leaf}" for leaf in ("policy", "now", "keys", "hub")]
    noor = gateway(mosquitto, authority, "home-noor", hears=mine + ours)

    async def scenario():
        async with up(hub, noor):
            for leaf in ("birth", "record", "health", "renew"):
                await noor.say(f"{Z}/home-noor/{leaf}", b"of noor")
            for topic in mine + ours[:3]:
                await hub.say(topic, b"of the hub")
            await until(lambda: len(hub.got) == 5 and len(noor.got) == 8)
            assert (False, False) == (noor.link.denied, hub.link.denied)
            ends_ms = tls.ends_ms(authority.folder / "broker.crt")
            assert ends_ms == noor.link.broker_ends_ms

    asyncio.run(scenario())
    assert {
        (f"{Z}/home-noor/state", b"online"),
        (f"{Z}/home-noor/birth", b"of noor"),
        (f"{Z}/home-noor/record", b"of noor"),
        (f"{Z}/home-noor/health", b"of noor"),
        (f"{Z}/home-noor/renew", b"of noor"),
    } == set(hub.got)
    assert {(f"{Z}/hub", b"online"), *((topic, b"of the hub") for topic in mine + ours[:3])} == set(
        noor.got
    )


def test_what_belongs_to_another_is_neither_heard_nor_said(mosquitto, authority):
    hub = bridge(mosquitto, authority, [RECORDS, f"{Z}/+/renew"])
    noor = gateway(mosquitto, authority, "home-noor", hears=[])
    theirs = [f"{Z}/home-noor/{leaf}" for leaf in ("receipt", "certificate", "renew")]
    bram = gateway(mosquitto, authority, "home-bram", hears=["#", *theirs])

    async def scenario():
        async with up(hub, noor, bram):
            for topic in (
                f"{Z}/home-noor/record",
                f"{Z}/home-noor/renew",
                f"{Z}/home-noor/certificate",
                f"{Z}/home-noor/receipt",
                f"{Z}/home-bram/receipt",
                f"{Z}/home-bram/certificate",
                f"{Z}/policy",
                f"{Z}/hub",
                "mk/v1/maanstraat/home-bram/record",
                "meterkast/home-noor/state",
            ):
                await bram.say(topic, b"of bram")
            await noor.say(f"{Z}/home-noor/record", b"of noor")
            await hub.say(f"{Z}/home-noor/receipt", b"for noor")
            await hub.say(f"{Z}/home-noor/certificate", b"for noor")
            await hub.say(f"{Z}/home-bram/receipt", b"for bram")
            await until(lambda: (f"{Z}/home-bram/receipt", b"for bram") in bram.got and hub.got)
            await bram.say(f"{Z}/home-bram/record", b"of bram, last")
            await until(lambda: hub.got[-1][1] == b"of bram, last")

    asyncio.run(scenario())
    assert [(f"{Z}/home-noor/record", b"of noor"), (f"{Z}/home-bram/record", b"of bram, last")] == (
        hub.got
    )
    assert set() == {topic for topic, _ in bram.got} - {
        f"{Z}/home-bram/receipt", f"{Z}/home-bram/state", f"{Z}/hub"
    }  # fmt: skip


def test_nobody_takes_the_session_of_another_by_its_client_id(mosquitto, authority):
    noor = gateway(mosquitto, authority, "home-noor")
    bram = gateway(mosquitto, authority, "home-bram")
    bram.link._client_id = "mk-zonstraat-home-noor"

    async def scenario():
        async with up(noor):
            async with up(bram):
                await noor.say(f"{Z}/home-noor/record", b"still here")
            assert (1, 1) == (noor.ups, bram.ups)

    asyncio.run(scenario())


def test_a_certificate_of_another_gateway_is_noticed_as_a_denied_publish(mosquitto, authority):
    wrong = End(f"mqtts://127.0.0.1:{mosquitto.port}", "home-noor", tls=of(authority, "home-bram"))

    async def scenario():
        async with up(wrong):
            await until(lambda: wrong.link.denied)
            assert ("", True) == (wrong.link.trouble, wrong.link.up.is_set())

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert ["link_up", "publish_denied"] == [entry["event"] for entry in logs]


def test_the_house_has_a_listener_of_its_own_without_the_community(mosquitto, authority):
    house = End(f"mqtt://127.0.0.1:{mosquitto.home_port}", "x", hears=["meterkast/#", f"{Z}/#"])
    house.link._echo = None
    noor = gateway(mosquitto, authority, "home-noor", hears=[f"{Z}/policy"])

    async def scenario():
        async with up(house, noor):
            await house.say(f"{Z}/policy", b"forged", retain=True)
            await noor.say(f"{Z}/home-noor/record", b"of noor")
            await house.say("meterkast/home-noor/dev/hall/state", b"{}")
            await until(lambda: house.got)
            await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert [("meterkast/home-noor/dev/hall/state", b"{}")] == house.got
    assert [] == noor.got


@pytest.mark.parametrize(
    ("expected", "tls", "url"),
    [
        pytest.param(
            "the broker's certificate is not signed by our CA",
            lambda a, other: of(a, "home-noor").model_copy(update={"ca": other.certificate}),
            "mqtts://127.0.0.1:{port}",
            id="broker-of-another-ca",
        ),
        pytest.param(
            "the broker's certificate is for another name than localhost",
            lambda a, _: of(a, "home-noor"),
            "mqtts://localhost:{port}",
            id="broker-of-another-name",
        ),
        pytest.param(
            "the broker asks for a certificate, and we have none to show",
            lambda a, _: Tls(ca=a.certificate),
            "mqtts://127.0.0.1:{port}",
            id="no-certificate",
        ),
        pytest.param(
            "the broker does not know the CA that signed our certificate",
            lambda a, other: of(other, "home-noor").model_copy(update={"ca": a.certificate}),
            "mqtts://127.0.0.1:{port}",
            id="certificate-of-another-ca",
        ),
        pytest.param(
            "the broker says that our certificate is over",
            lambda a, _: of(a, "over"),
            "mqtts://127.0.0.1:{port}",
            id="certificate-over",
        ),
        pytest.param(
            "the broker says that our certificate was withdrawn",
            lambda a, _: of(a, "stolen"),
            "mqtts://127.0.0.1:{port}",
            id="certificate-withdrawn",
        ),
        pytest.param(
            "it closed the connection without a word; perhaps it wants TLS, mqtts://",
            lambda *_: None,
            "mqtt://127.0.0.1:{port}",
            id="no-tls",
        ),
        pytest.param(
            "it closed the connection without a word; perhaps it speaks no TLS, mqtt://",
            lambda a, _: of(a, "home-noor"),
            "mqtts://127.0.0.1:{home_port}",
            id="tls-to-a-listener-without",
        ),
    ],
)
def test_who_may_not_come_in_is_told_why(mosquitto, authorities, expected, tls, url):
    where = url.format(port=mosquitto.port, home_port=mosquitto.home_port)
    end = End(where, "home-noor", tls=tls(*authorities))
    assert expected == asyncio.run(end.link._serve())


def test_a_broker_that_is_reloaded_refuses_who_was_taken_back_and_leaves_who_is_in(
    tmp_path, authority, part
):
    pair(authority, "sold")
    broker = Mosquitto(tmp_path, authority, part("mosquitto"))
    before, after = gateway(broker, authority, "sold"), gateway(broker, authority, "sold")

    async def scenario():
        async with up(before):
            authority.revoke("sold")
            listed = tmp_path / "mosquitto" / "revoked.crl"
            listed.write_bytes(authority.revoked.read_bytes())
            broker.process.send_signal(signal.SIGHUP)
            await until(lambda: "Reloading config" in broker.log())
            assert "the broker says that our certificate was withdrawn" == await after.link._serve()
            assert (True, 1) == (before.link.up.is_set(), before.ups)

    try:
        asyncio.run(scenario())
    finally:
        broker.end()


@pytest.fixture(scope="module")
def authorities(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Authority, Authority]:
    """Ours, with a certificate that is over, and a CA that nobody here knows."""
    other = Authority.create(tmp_path_factory.mktemp("other") / "tls", community="maanstraat")
    pair(other, "home-noor")
    certificate(authority.folder / "gateways/over", authority, "home-noor", ends=LONG_AGO)
    return authority, other


@pytest.mark.parametrize(
    ("expected", "dates"),
    [
        pytest.param(
            "the broker's certificate is over; the clock here says",
            {"ends": LONG_AGO},
            id="over",
        ),
        pytest.param(
            # What a Pi sees whose clock stands in 1970.
            "the broker's certificate is not valid yet; the clock here says",
            {"begins": datetime(2998, 1, 1, tzinfo=UTC)},
            id="not-yet",
        ),
    ],
)
def test_a_broker_that_cannot_be_trusted_is_told_why(tmp_path, authority, part, expected, dates):
    folder = authority.folder
    kept = [(path, path.read_bytes()) for path in (folder / "broker.crt", folder / "broker.key")]
    certificate(folder / "broker", authority, "127.0.0.1", **dates)
    broker = Mosquitto(tmp_path, authority, part("mosquitto"))
    try:
        end = gateway(broker, authority, "home-noor")
        assert asyncio.run(end.link._serve()).startswith(expected)
    finally:
        broker.end()
        for path, data in kept:
            path.write_bytes(data)


def test_a_broker_that_speaks_only_older_tls_is_told(authority, part):
    port, folder = free_port(), authority.folder
    old = subprocess.Popen(
        [part("openssl"), "s_server", "-tls1_2", "-accept", f"127.0.0.1:{port}",
         "-cert", folder / "broker.crt", "-key", folder / "broker.key"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while b"ACCEPT" not in old.stdout.readline():
            assert old.poll() is None
        end = End(f"mqtts://127.0.0.1:{port}", "home-noor", tls=of(authority, "home-noor"))
        assert "the broker does not speak TLS 1.3" == asyncio.run(end.link._serve())
    finally:
        old.kill()
        old.communicate()


def test_a_broker_that_died_with_all_it_had_gets_everything_again(
    tmp_path, authority, part, caplog
):
    broker = Mosquitto(tmp_path, authority, part("mosquitto"))
    hub = bridge(broker, authority, [f"{Z}/+/state", RECORDS])
    noor = gateway(broker, authority, "home-noor")

    async def scenario():
        async with up(hub, noor):
            broker.kill()
            await until(lambda: not noor.link.up.is_set() and not hub.link.up.is_set())
            hub.got.clear()
            for left in (tmp_path / "mosquitto").glob("*.db"):
                left.unlink()
            broker.start()
            await until(lambda: (f"{Z}/home-noor/state", b"online") in hub.got)
            await noor.say(f"{Z}/home-noor/record", b"after")
            await until(lambda: (f"{Z}/home-noor/record", b"after") in hub.got)

    try:
        with capture_logs() as logs:
            asyncio.run(scenario())
    finally:
        broker.end()
    # Nothing of the library's or of asyncio's, and each end once lost and once back at the most.
    assert {"link_up", "link_lost"} == {entry["event"] for entry in logs}
    assert 2 == sum(entry["event"] == "link_lost" for entry in logs)
    assert [] == caplog.messages


@pytest.fixture(params=["mosquitto", "nats"])
def either(request, tmp_path, authority, part) -> Iterator[tuple[str, object]]:
    """The home listener of Mosquitto, or the embedded broker: its address, and the program."""
    if request.param == "mosquitto":
        started = Mosquitto(tmp_path, authority, part("mosquitto"))
        # What the house may not do is the concern of another test.
        (tmp_path / "mosquitto" / "home.acl").write_text("topic readwrite #\n")
        started.kill()
        started.start()
        url = f"mqtt://127.0.0.1:{started.home_port}"
    else:
        port = free_port()
        started = Program("broker", tmp_path, "broker", "--dir", tmp_path / "nats", "--port", port)
        url = f"mqtt://127.0.0.1:{port}"
    yield url, started
    started.end()


def test_will_echo_and_what_waits_for_us_work_with_either_broker(either):
    url, broker = either
    hub = End(url, "hub", hears=[f"{Z}/+/state", RECORDS])
    noor = End(url, "home-noor")

    async def scenario():
        async with up(hub, noor):
            await until(lambda: (noor.state, b"online") in hub.got)
            assert not noor.link.denied
        hub.got.clear()
        async with up(noor):
            for number in range(5):
                await noor.say(f"{Z}/home-noor/record", b"%d" % number)
        async with up(hub):
            await until(lambda: len([1 for topic, _ in hub.got if topic.endswith("record")]) == 5)
            # It left without a goodbye: the broker says its will.
            await until(lambda: (noor.state, b"offline") in hub.got)
        broker.kill()
        broker.start()
        async with up(hub, noor):
            hub.got.clear()
            await noor.say(f"{Z}/home-noor/record", b"after")
            await until(lambda: (f"{Z}/home-noor/record", b"after") in hub.got)
            await asyncio.sleep(0.6)
            assert not noor.link.denied

    asyncio.run(scenario())
