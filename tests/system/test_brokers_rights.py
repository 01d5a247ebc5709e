"""Who may say and who may hear what, every topic by every kind of client, at a real Mosquitto.

Spec: docs/wire.md, topics
"""

import asyncio
import contextlib
import socket
import ssl

import pytest

from gateway.contract.tls import Tls
from ledger_bridge.certificates import BRIDGE, Authority
from tests.certificates import pair
from tests.system.brokers import Mosquitto
from tests.system.test_brokers import End, bridge, until, up

pytestmark = pytest.mark.system

Z = "mk/v1/zonstraat"
NOOR, BRAM, HUB, HOUSE = "home-noor", "home-bram", BRIDGE, "the house"
# A gateway that is called as the bridge is not, and names that would be patterns or paths.
NAMED_BRIDGE, PLUS, HASH, SLASH = "bridge", "+", "#", f"{NOOR}/record"
CLIENTS = (NOOR, BRAM, HUB, HOUSE, NAMED_BRIDGE, PLUS, HASH, SLASH)

# Of each topic: who may say it, and who may hear it. Mosquitto lets a name with + or # do nothing,
# and what a pattern gives to every gateway it gives to the bridge as well.
EVERYBODY = {NOOR, BRAM, NAMED_BRIDGE, SLASH, HUB}
RIGHTS = {
    **{f"{Z}/{one}/state": ({one}, {HUB, one}) for one in (NOOR, BRAM)},
    **{
        f"{Z}/{one}/{leaf}": ({one}, {HUB})
        for one in (NOOR, BRAM)
        for leaf in ("birth", "record", "health", "renew")
    },
    **{
        f"{Z}/{one}/{leaf}": ({HUB}, {one})
        for one in (NOOR, BRAM)
        for leaf in ("receipt", "credit", "command", "certificate")
    },
    **{f"{Z}/{leaf}": ({HUB}, EVERYBODY) for leaf in ("policy", "now", "keys", "hub")},
    "meterkast/home-noor/dev/hall/state": ({HOUSE}, {HOUSE}),
    "homeassistant/sensor/hall/config": ({HOUSE}, {HOUSE}),
    f"mk/v1/maanstraat/{NOOR}/record": (set(), set()),
    "anything": (set(), set()),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.create(tmp_path_factory.mktemp("hub") / "tls", community="zonstraat")
    made.broker("127.0.0.1")
    (made.folder / "gateways" / NOOR).mkdir(parents=True)  # where the name with a slash lies
    for name in (NOOR, BRAM, NAMED_BRIDGE, PLUS, HASH, SLASH):
        pair(made, name)
    return made


def end_of(name: str, mosquitto: Mosquitto, authority: Authority) -> End:
    """A client that asks for every topic, and for all of them at once."""
    hears = [*RIGHTS, "#", f"{Z}/+/+"]
    match name:
        case "@bridge":
            made = bridge(mosquitto, authority, hears)
        case "the house":
            made = End(f"mqtt://127.0.0.1:{mosquitto.home_port}", name, hears=hears)
        case _:
            folder = authority.folder
            own = folder / "gateways" / name
            tls = Tls(ca=folder / "ca.crt", certificate=f"{own}.crt", key=f"{own}.key")
            made = End(
                f"mqtts://127.0.0.1:{mosquitto.port}",
                name,
                tls=tls,
                hears=hears,
                state=f"{Z}/home-{len(name)}/state",
            )
    made.link._echo = None
    return made


def test_each_topic_is_said_and_heard_by_whom_it_belongs_to_and_by_nobody_else(
    mosquitto, authority
):
    ends = {name: end_of(name, mosquitto, authority) for name in CLIENTS}
    expected = {
        (topic, writer, reader)
        for topic, (writers, readers) in RIGHTS.items()
        for writer in writers
        for reader in readers
    }
    assert 42 == len(expected)

    def found() -> set[tuple[str, str, str]]:
        """What was said in this test: a client says its name on each topic."""
        return {
            (topic, payload.decode(), reader)
            for reader, end in ends.items()
            for topic, payload in end.got
            if payload.decode() in CLIENTS
        }

    async def scenario():
        async with up(*ends.values()):
            for name, end in ends.items():
                for topic in RIGHTS:
                    await end.say(topic, name.encode())
            await until(lambda: expected <= found())
            await asyncio.sleep(0.3)

    asyncio.run(scenario())
    assert expected == found()


def test_nothing_older_than_tls_1_3_is_spoken(mosquitto, authority):
    certificate = authority.folder / "gateways" / f"{BRAM}.crt"

    def spoken(newest: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        context.maximum_version = newest
        with (
            socket.create_connection(("127.0.0.1", mosquitto.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        ):
            return wrapped.version()

    assert "TLSv1.3" == spoken(ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        spoken(ssl.TLSVersion.TLSv1_2)


def test_a_hundred_who_connect_and_say_nothing_keep_no_gateway_out(mosquitto, authority):
    address = ("127.0.0.1", mosquitto.port)
    noor = end_of(NOOR, mosquitto, authority)

    async def scenario():
        async with up(noor):
            await noor.say(f"{Z}/{NOOR}/state", b"in")
            await until(lambda: (f"{Z}/{NOOR}/state", b"in") in noor.got)

    with contextlib.ExitStack() as silent:
        for _ in range(100):
            silent.enter_context(socket.create_connection(address, timeout=5))
        asyncio.run(scenario())
