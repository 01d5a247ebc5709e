"""What the bridge says to gateways by itself, through a real broker; and its key, which changes."""

import asyncio
import shutil

import aiomqtt
import pytest

from gateway.contract import command, receipt, rotation, schema
from gateway.contract.command import DONE, REFUSED, RESEND, TARE, Command
from gateway.contract.errors import ConfigError, PeopleError
from gateway.contract.keys import PublicKey
from gateway.contract.record import ANSWER
from gateway.contract.signed import Malformed, digest
from ledger_bridge import asking, orders
from ledger_bridge import bridge as bridges
from ledger_bridge.books.acts.requests import Request, Reserve, make
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import (
    BridgeRotated,
    Edits,
    GatewayAdmitted,
    LimitSet,
    MemberAdded,
)
from ledger_bridge.commands.keys import rotate
from ledger_bridge.desk import Paper
from ledger_bridge.hub import Hub
from tests.running import Running
from tests.street import ID, NOON_MS, POLICY, Chain, key
from tests.system.programs import Program, free_port, running

HOME = "mk/v1/straat/home"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder, number = tmp_path_factory.mktemp("broker"), free_port()
    broker = Program("broker", folder, "broker", "--dir", folder / "store", "--port", number)
    with running(broker):
        yield number


@pytest.fixture
def hub(tmp_path, port, monkeypatch):
    monkeypatch.setattr(bridges, "LOOK_S", 0.05)
    monkeypatch.setattr(bridges, "HEARD_S", 0.05)
    monkeypatch.setattr(asking, "QUIET_S", 0.1)
    made = Running(tmp_path, port)
    made.clock.now_ms = NOON_MS
    made.edit(GatewayAdmitted("home", key("home").public.x))
    return made


async def hear(client: aiomqtt.Client, topic: str) -> bytes:
    """The next message on a topic of the gateway, or of the community."""
    async for message in client.messages:
        if message.topic.value.endswith(f"/{topic}"):
            assert isinstance(message.payload, bytes)
            return message.payload
    raise AssertionError


def first_key(hub: Running) -> PublicKey:
    founded = hub.bridge.community.registry.founded
    assert founded
    return PublicKey(founded.bridge)


def test_the_hub_says_that_it_is_there_and_its_will_that_it_is_not(hub):
    async def look(client):
        await client.subscribe("mk/v1/straat/hub", qos=1)
        assert b"online" == await hear(client, "hub")
        await hub.bridge.farewell()
        assert b"offline" == await hear(client, "hub")

    hub.listening(look)


def look_after(hub, monkeypatch):
    """Run the bridge without its broker until it has looked after its books once."""

    async def look() -> None:
        is_looked_after = asyncio.Event()
        monkeypatch.setattr(bridges, "silent", lambda *_: is_looked_after.set() or {})
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(hub.bridge.tell())
            await is_looked_after.wait()
            telling.cancel()

    asyncio.run(look())


def test_a_hub_whose_broker_was_never_there_looks_after_its_books_all_the_same(hub, monkeypatch):
    look_after(hub, monkeypatch)
    assert not hub.bridge.link.is_tried


@pytest.mark.parametrize(("tried_s", "is_young"), [(0.0, False), (3_600.0, True)])
def test_once_a_hub_ran_for_longer_than_a_trial_no_older_program_may_touch_its_books(
    hub, monkeypatch, tried_s, is_young
):
    monkeypatch.setattr(bridges, "TRIED_S", tried_s)
    look_after(hub, monkeypatch)
    assert is_young == schema.is_young(hub.bridge.community.db)


def test_a_birth_is_answered_with_how_far_the_hub_is(hub):
    first = Chain("home").record([], made_ms=NOON_MS)
    birth = b'{"chains": {"evidence-000000000001": {}, "samples-000000000001": {}}}'

    async def look(client):
        await client.subscribe(f"{HOME}/receipt", qos=1)
        await client.publish(f"{HOME}/record", first, qos=1)
        await hear(client, "receipt")
        await client.publish(f"{HOME}/birth", birth, qos=1, retain=True)
        told = [receipt.check(await hear(client, "receipt"), key=first_key(hub)) for _ in "12"]
        assert [("evidence-000000000001", 1, digest(first)), ("samples-000000000001", 0)] == [
            (told[0].chain, told[0].up_to, told[0].hash),
            (told[1].chain, told[1].up_to),
        ]
        await client.publish(f"{HOME}/birth", b"", qos=1, retain=True)

    hub.listening(look)


def test_what_was_reserved_goes_back_when_its_time_is_over(hub):
    """Noor may owe, so that there is something to reserve."""
    hub.clock.now_ms = NOON_MS - 1
    hub.edit(MemberAdded("noor", "acc-noor"), MemberAdded("bram", "acc-bram"))
    hub.edit(LimitSet("noor", "ENERGY", -100, None, "as agreed"))
    hub.activate(POLICY)
    asked = Request(ID, "k", Reserve("noor", "bram", "ENERGY", 100, NOON_MS))
    paper = Paper("act", make(asked, key=hub.hub.key("steward")).decode())
    assert "1" == hub.bridge.answer(paper).result
    db = hub.bridge.community.db
    held = "SELECT amount FROM balance WHERE account = 'acc-noor'"

    async def look(client):
        assert -100 == db.execute(held).fetchone()[0]
        hub.clock.now_ms = NOON_MS
        while db.execute(held).fetchone()[0] < 0:
            await asyncio.sleep(0.01)

    hub.listening(look)


def test_a_chain_that_is_held_is_told_why(hub):
    async def look(client):
        await client.subscribe(f"{HOME}/receipt", qos=1)
        for made_ms in (1, 2):
            await client.publish(f"{HOME}/record", Chain("home").record([], made_ms=made_ms), qos=1)
        told = [receipt.check(await hear(client, "receipt"), key=first_key(hub)) for _ in "12"]
        assert "two records under number 1" == told[-1].held

    hub.listening(look)


def test_what_is_missing_is_asked_for_until_it_comes(hub):
    home = Chain("home")
    five = [home.record([], made_ms=NOON_MS) for _ in range(5)]

    async def look(client):
        await client.subscribe([(f"{HOME}/command", 1), (f"{HOME}/receipt", 1)])
        await client.publish(f"{HOME}/record", five[0], qos=1)
        await client.publish(f"{HOME}/record", five[4], qos=1)
        told = command.check(await hear(client, "command"), key=first_key(hub))
        assert (RESEND, home.chain, 2, 4) == (told.word, told.chain, told.first, told.last)
        for data in five[1:4]:
            await client.publish(f"{HOME}/record", data, qos=1)
        while receipt.check(await hear(client, "receipt"), key=first_key(hub)).up_to < 5:
            pass
        assert [] == hub.bridge._inbox.gaps

    hub.listening(look)


def test_a_gateway_that_refuses_a_resend_is_not_asked_again(hub, monkeypatch):
    monkeypatch.setattr(asking, "AGAIN_S_MIN", 0.1)
    home, samples = Chain("home"), Chain("home", "samples-000000000001")
    ahead = samples.record([], made_ms=NOON_MS, seq=5)

    async def look(client):
        await client.subscribe([(f"{HOME}/command", 1), (f"{HOME}/receipt", 1)])
        await client.publish(f"{HOME}/record", ahead, qos=1)
        told = command.check(await hear(client, "command"), key=first_key(hub))
        said = command.answer(told.id, REFUSED, "it is not shared")
        await client.publish(f"{HOME}/record", home.record(said, made_ms=1, typ=ANSWER), qos=1)
        while receipt.check(await hear(client, "receipt"), key=first_key(hub)).up_to < 1:
            pass
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hear(client, "command"), 0.5)

    hub.listening(look)


def test_what_a_steward_orders_is_said_on_until_it_is_answered(hub):
    order = Command(ID, "home", "a1", TARE, NOON_MS + 60_000, device="scale")
    document = orders.make(order, key=hub.hub.key("steward"))

    async def look(client):
        await client.subscribe(f"{HOME}/command", qos=1)
        assert "a1" == hub.bridge.answer(Paper("order", document.decode())).result
        said = command.check(await hear(client, "command"), key=first_key(hub))
        assert order == said
        home = Chain("home")
        answer = home.record(command.answer("a1", DONE), made_ms=NOON_MS, typ=ANSWER)
        await client.publish(f"{HOME}/record", answer, qos=1)
        db = hub.bridge.community.db
        while orders.outcome(db, order, now_ms=NOON_MS) != (DONE, ""):
            await asyncio.sleep(0.01)

    hub.listening(look)


def test_what_gateways_say_of_themselves_is_kept(hub):
    async def look(client):
        await client.publish(f"{HOME}/state", b"online", qos=1)
        db = hub.bridge.community.db
        while not db.execute("SELECT 1 FROM heard WHERE leaf = 'state'").fetchone():
            await asyncio.sleep(0.01)

    hub.listening(look)


# The bridge's key.


def test_a_new_key_is_told_before_it_signs_and_the_old_one_signs_no_more(hub):
    old = first_key(hub)
    config = hub.hub.config

    async def look(client):
        await client.subscribe([(f"{HOME}/receipt", 1), ("mk/v1/straat/keys", 1)])
        await client.publish(f"{HOME}/record", Chain("home").record([], made_ms=1), qos=1)
        receipt.check(await hear(client, "receipt"), key=old)
        turn(hub)
        await client.publish(f"{HOME}/record", Chain("home").record([], made_ms=1), qos=1)
        told = await anext(aiter(client.messages))
        assert "mk/v1/straat/keys" == told.topic.value
        new = rotation.follow(told.payload, ID, old)
        assert Hub.load(config).key("bridge").public.x == new.x
        data = await hear(client, "receipt")
        receipt.check(data, key=new)
        with pytest.raises(Malformed, match="not signed by the bridge's key"):
            receipt.check(data, key=old)

    hub.listening(look)


def test_a_new_key_is_told_although_there_is_nothing_to_sign(hub):
    async def look(client):
        await client.subscribe("mk/v1/straat/keys", qos=1)
        old = first_key(hub)
        turn(hub)
        new = rotation.follow(await hear(client, "keys"), ID, old)
        assert hub.bridge.community.registry.bridge == new.x

    hub.listening(look)


def turn(hub: Running) -> None:
    """As `hub rotate bridge` does, by a bridge that runs in this process."""
    new = hub.hub.next_key_path("bridge")
    made = type(hub.hub.key("bridge")).create(new)
    said = rotation.make(ID, old=hub.hub.key("bridge"), new=made)
    hub.edit(BridgeRotated(said.decode()))
    hub.hub.finish_rotation("bridge", made.public.x)


def rotated(folder, port):
    hub = Running(folder, port)
    hub.bridge.community.db.close()
    return hub.hub


def in_use(hub: Hub) -> str:
    """The key that the books name, which the hub can sign with."""
    community = hub.open_to_write()
    community.db.close()
    assert community.registry.bridge == hub.key("bridge").public.x
    return community.registry.bridge


def test_the_command_changes_the_key_again_and_again_and_keeps_the_old_ones(tmp_path, port, capsys):
    hub = rotated(tmp_path, port)
    keys = [in_use(hub)]
    for _ in range(2):
        rotate("bridge", config=hub.config)
        keys.append(in_use(hub))
    assert 3 == len(set(keys))
    assert f"the bridge signs with {keys[-1]}" in capsys.readouterr().out
    assert 2 == len(list((tmp_path / "keys").glob("bridge.until-*")))
    assert [] == list((tmp_path / "keys").glob("*.next"))


@pytest.mark.parametrize("cut", ["before the edit", "after the edit", "in the midst"])
def test_a_change_that_was_cut_off_is_finished(tmp_path, port, cut, monkeypatch):
    hub = rotated(tmp_path, port)
    before = in_use(hub)
    if cut == "before the edit":
        monkeypatch.setattr("ledger_bridge.commands.keys.edit", stop)
    else:
        monkeypatch.setattr(Hub, "finish_rotation", stop if cut == "after the edit" else half_way)
    with pytest.raises(KeyboardInterrupt):
        rotate("bridge", config=hub.config)
    monkeypatch.undo()
    rotate("bridge", config=hub.config)
    assert before != in_use(hub)
    assert [] == list((tmp_path / "keys").glob("*.next"))


def stop(*_: object) -> bool:
    raise KeyboardInterrupt


_finish = Hub.finish_rotation


def half_way(self: Hub, name: str, x: str) -> bool:
    """Ends after the old key was put aside."""
    if self.next_key_path(name).exists() and self.key(name).public.x != x:
        path = self.path(self.settings.bridge_key)
        path.with_suffix(f".until-{self.key('bridge').public.kid[:8]}").hardlink_to(path)
        raise KeyboardInterrupt
    return _finish(self, name, x)


def test_an_older_key_in_its_place_is_refused(tmp_path, port):
    hub = rotated(tmp_path, port)
    rotate("bridge", config=hub.config)
    (old,) = (tmp_path / "keys").glob("bridge.until-*")
    shutil.copy(old, tmp_path / "keys" / "bridge.key")
    with pytest.raises(ConfigError, match="not the bridge key that straat uses"):
        hub.open_to_write()


def test_a_rotation_by_another_key_changes_nothing(tmp_path, port):
    hub = Running(tmp_path, port)
    burglar = rotation.make(ID, old=key("burglar"), new=key("other"))
    before = hub.bridge.community.registry.bridge
    (problem,) = hub.bridge.answer(edits_of(hub, burglar)).problems
    assert "a rotation that does not begin with the bridge's key in use" == problem[0]
    assert before == hub.bridge.community.registry.bridge


def edits_of(hub: Running, said: bytes) -> Paper:
    edits = Edits(ID, 0, (BridgeRotated(said.decode()),))
    return Paper("edits", registries.make(edits, key=hub.hub.key("steward")).decode())


def test_only_the_keys_of_bridge_and_log_are_changed_here(tmp_path, port):
    hub = rotated(tmp_path, port)
    with pytest.raises(PeopleError, match="no key of 'steward' can be changed here"):
        rotate("steward", config=hub.config)
