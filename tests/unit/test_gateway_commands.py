"""Commands: the bridge's own, for us, in time and once; anything else does nothing."""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from zlib import decompress

import pytest

from drivers.reading import Message, Reading
from gateway.community.commands import Commands
from gateway.contract import command, lost, record, rotation
from gateway.contract.command import RESEND, TARE, TELEGRAM, ZERO, Command
from gateway.contract.keys import SigningKey
from gateway.contract.record import ANSWER, LOST, Record
from gateway.devices import DeviceNow
from gateway.journal import EVIDENCE, Journal, Tally
from gateway.quarter import Moment
from tests.publisher import BRIDGE, KEY, NOON, Bench

NOON_MS = 1_780_308_000_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
TELEGRAM_BYTES = b"/MKT5\r\n\r\n1-0:1.8.1(000004.426*kWh)\r\n!0000\r\n"
METER = Message(0, TELEGRAM_BYTES, (Reading("1-0:1.8.1", 4_426_000, "mWh", NOON_MS - 5_000),))


class House:
    """A house with a meter `hall`, a silent one `annex` and a scale `scale`."""

    def __init__(self, folder: Path) -> None:
        self.utc_ms: int | None = NOON_MS
        self.folder = folder
        self.told: list[tuple[str, str]] = []
        self.refuses = ""
        self.devices = {name: DeviceNow("p1", talks=True) for name in ("hall", "annex", "scale")}
        self.devices["hall"].hear(METER, now_s=0, utc_ms=NOON_MS)
        self.open()

    def open(self) -> None:
        self.bench = Bench(self.folder)
        self.commands = Commands(
            self.bench.journal,
            self.devices,
            owner=("z", "home"),
            bridge_key=self.bench.bridge_key,
            forgeries=self.bench.publisher.forgeries,
            moment=self.moment,
            is_sure=lambda moment: moment.utc_ms is not None,
            real_s=lambda: self.bench.now_s,
            ask=self.bench.publisher.ask,
            tell=self.tell,
        )

    def moment(self) -> Moment:
        return NOON._replace(utc_ms=self.utc_ms, clock="synced" if self.utc_ms else "unset")

    def tell(self, device: str, word: str) -> str:
        self.told.append((device, word))
        return self.refuses

    def say(self, *, key: SigningKey = BRIDGE, again: bool = False, **said: object) -> None:
        """The hub gives a command; each has an id of its own."""
        self.bench.now_s += 0 if again else 4
        usual = {"community": "z", "gateway": "home", "id": "1", "expires_ms": NOON_MS + MINUTE_MS}
        self.commands.hear(command.make(Command(**(usual | said)), key=key))  # type: ignore[arg-type]

    def answers(self) -> list[Record]:
        return [record.parse(data)[1] for data in self.bench.journal.newest(ANSWER, 100)]

    def outcomes(self) -> list[tuple[str, str, str]]:
        """(id, outcome, why) of each answer in the journal."""
        found = []
        for one in self.answers():
            said = {element.n: element.vs for element in one.elements}
            found.append((said["command/id"], said["command/outcome"], said.get("command/why", "")))
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.bench.journal.close()


@pytest.mark.parametrize("word", [TARE, ZERO])
def test_a_scale_is_told_and_it_is_answered(house: House, word: str) -> None:
    house.say(word=word, device="scale")
    assert [("scale", word)] == house.told
    assert [("1", "done", "")] == house.outcomes()


def test_the_answer_is_evidence_and_committed_at_once(house: House) -> None:
    house.say(word=TARE, device="scale")
    assert Tally(1, 0, 1, 0) == house.bench.journal.tally()


def test_a_scale_that_cannot_be_told_is_answered_with_why(house: House) -> None:
    house.refuses = "scale cannot be reached"
    house.say(word=ZERO, device="scale")
    assert [("1", "refused", "scale cannot be reached")] == house.outcomes()


def test_the_same_command_is_done_once(house: House) -> None:
    for _ in range(3):
        house.say(word=TARE, device="scale")
    assert [("scale", "tare")] == house.told
    assert [("1", "done", "")] == house.outcomes()


def test_the_same_command_is_not_done_again_after_a_restart(house: House) -> None:
    house.say(word=TARE, device="scale")
    house.bench.journal.close()
    house.open()
    house.say(word=TARE, device="scale")
    house.say(word=TARE, device="scale", id="2")
    assert [("scale", "tare"), ("scale", "tare")] == house.told
    assert [("1", "done", ""), ("2", "done", "")] == house.outcomes()


def test_an_answer_that_a_worn_card_spoilt_stops_nothing(house: House) -> None:
    house.say(word=TARE, device="scale")
    house.bench.journal._disk.db.execute("UPDATE record SET data = x'00' WHERE typ = ?", (ANSWER,))
    house.bench.journal.close()
    house.open()
    house.say(word=TARE, device="scale", id="2")
    assert [("scale", "tare"), ("scale", "tare")] == house.told


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"key": KEY}, id="another key"),
        pytest.param({"community": "y"}, id="another community"),
        pytest.param({"gateway": "neighbour"}, id="another gateway"),
        pytest.param({"word": "erase"}, id="an unknown word"),
    ],
)
def test_a_forged_command_is_counted_and_does_nothing(
    house: House, said: dict[str, object]
) -> None:
    house.say(**({"word": TARE, "device": "scale"} | said))  # type: ignore[arg-type]
    assert 1 == house.bench.publisher.standing().forged
    assert ([], []) == (house.told, house.outcomes())


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"{}\n..", b"x" * 100_000, b"\xff\xfe\n.."])
def test_nonsense_is_counted_and_does_nothing(house: House, payload: bytes) -> None:
    house.commands.hear(payload)
    assert 1 == house.bench.publisher.standing().forged
    assert ([], []) == (house.told, house.outcomes())


def test_what_cannot_be_answered_is_not_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "takes", False)
        house.say(word=TARE, device="scale")
    assert [] == house.told
    house.say(word=TARE, device="scale")
    assert [("scale", "tare")] == house.told


def test_a_command_by_the_bridges_old_key_does_nothing(house: House) -> None:
    new = SigningKey(bytes([2]) * 32)
    house.bench.bridge_key.take(rotation.make("z", old=BRIDGE, new=new))
    house.say(word=TARE, device="scale")
    assert [] == house.told
    house.say(word=TARE, device="scale", key=new)
    assert [("scale", "tare")] == house.told


@pytest.mark.parametrize(
    ("expires_ms", "told"),
    [
        pytest.param(NOON_MS - 1, [], id="over"),
        pytest.param(NOON_MS, [("scale", "tare")], id="just not over"),
        pytest.param(NOON_MS + 7 * DAY_MS, [("scale", "tare")], id="good for a week"),
        pytest.param(NOON_MS + 7 * DAY_MS + 1, [], id="good for longer"),
    ],
)
def test_a_command_counts_for_a_while(
    house: House, expires_ms: int, told: list[tuple[str, str]]
) -> None:
    house.say(word=TARE, device="scale", expires_ms=expires_ms)
    assert told == house.told


def test_who_does_not_know_the_time_obeys_once(house: House) -> None:
    house.utc_ms = None
    house.say(word=TARE, device="scale", expires_ms=1)
    house.say(word=TARE, device="scale", expires_ms=1)
    assert [("scale", "tare")] == house.told


def test_a_flood_of_commands_is_cut_off_and_goes_on_later(house: House) -> None:
    for number in range(30):
        house.say(word=TARE, device="scale", id=str(number), again=True)
    assert 20 == len(house.told)
    house.bench.now_s += 60
    house.say(word=TARE, device="scale", id="more")
    assert 21 == len(house.told)


def test_a_telegram_is_told_with_its_readings_and_its_bytes(house: House) -> None:
    house.say(word=TELEGRAM, device="hall")
    (answer,) = house.answers()
    reading, raw = answer.elements[-2:]
    assert ("hall/1-0:1.8.1", "Wh", b"4426", b"-5") == (
        reading.n,
        reading.u,
        bytes(reading.v),
        bytes(reading.t),
    )
    assert "hall/telegram" == raw.n
    assert TELEGRAM_BYTES == decompress(urlsafe_b64decode(raw.vd + "=="))
    assert [("1", "done", "")] == house.outcomes()


def test_a_telegram_does_not_serve_to_look_into_the_house(house: House) -> None:
    house.say(word=TELEGRAM, device="hall")
    house.say(word=TELEGRAM, device="hall", id="2")
    house.bench.now_s += 890
    house.say(word=TELEGRAM, device="hall", id="3")
    house.bench.now_s += 10
    house.say(word=TELEGRAM, device="hall", id="4")
    why = "a telegram is told once in a quarter of an hour"
    assert [
        ("1", "done", ""),
        ("2", "refused", why),
        ("3", "refused", why),
        ("4", "done", ""),
    ] == house.outcomes()


def test_a_long_telegram_is_told_in_records_that_each_name_the_command(house: House) -> None:
    readings = tuple(Reading(f"1-0:{n}.8.1", n, "mWh", NOON_MS, "E" * 300) for n in range(200))
    house.devices["hall"].hear(Message(0, b"", readings), now_s=0, utc_ms=NOON_MS)
    house.say(word=TELEGRAM, device="hall")
    house.bench.journal.close()
    house.open()
    assert [("1", "done", "")] * 2 == house.outcomes()


@pytest.mark.parametrize(
    ("device", "why"),
    [
        pytest.param("annex", "annex has said nothing that can be told", id="silent"),
        pytest.param("attic", "no device is called attic", id="unknown"),
        pytest.param("", "no device is called ", id="none"),
    ],
)
def test_a_device_that_said_nothing_has_no_telegram(house: House, device: str, why: str) -> None:
    house.say(word=TELEGRAM, device=device)
    assert [("1", "refused", why)] == house.outcomes()


def test_the_number_of_a_card_is_in_no_telegram(house: House) -> None:
    card = Message(0, b"04A1B2C3", (Reading("card", "04A1B2C3", "", None),))
    house.devices["annex"].hear(card, now_s=0, utc_ms=NOON_MS)
    house.say(word=TELEGRAM, device="annex")
    why = "annex has said nothing that can be told"
    assert [("1", "refused", why)] == house.outcomes()


def test_records_that_are_asked_for_are_the_answer(house: House) -> None:
    house.bench.put(5)
    house.bench.turn()
    house.bench.answer()
    house.say(word=RESEND, chain=house.bench.chain().chain, first=2, last=4)
    house.bench.turn()
    assert [2, 3, 4] == house.bench.sent()
    assert [] == house.outcomes()


def test_records_are_not_sent_twice_within_a_minute_for_one_command(house: House) -> None:
    house.bench.put(5)
    house.bench.turn()
    house.bench.answer()
    range_ = {"word": RESEND, "chain": house.bench.chain().chain, "first": 2, "last": 2}
    house.say(**range_)  # type: ignore[arg-type]
    house.say(**range_)  # type: ignore[arg-type]
    house.bench.turn()
    assert [2] == house.bench.sent()
    house.bench.now_s += 60
    house.say(**range_)  # type: ignore[arg-type]
    house.bench.turn()
    assert [2, 2] == house.bench.sent()


def test_a_range_of_a_chain_that_stays_here_is_refused(house: House) -> None:
    house.say(word=RESEND, chain="private-1", first=1, last=1)
    assert [("1", "refused", "no chain private-1 leaves this house")] == house.outcomes()


def test_what_is_asked_for_and_no_longer_held_is_said_to_be_lost(house: House) -> None:
    bench = house.bench
    bench.put(5)
    bench.turn()
    bench.answer()
    bench.journal._disk.db.execute("DELETE FROM record WHERE seq <= 3")
    bench.journal.close()
    house.open()
    name = house.bench.chain().chain
    house.say(word=RESEND, chain=name, first=1, last=4)
    asyncio.run(house.bench.publisher._turn())
    (data,) = house.bench.journal.newest(LOST, 9)
    said = lost.read(record.parse(data)[1])
    assert (name, 1, 3, "no-longer-held") == (said.chain, said.first, said.last, said.why)
    assert 4 in house.bench.sent(EVIDENCE)
