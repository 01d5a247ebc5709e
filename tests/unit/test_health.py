"""What a gateway says is wrong with it, and its figures."""

import asyncio
import re
from collections.abc import Callable
from contextlib import closing
from inspect import isawaitable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from drivers.reading import Fault, Message, Reading
from gateway import building, config
from gateway.community.publish import Standing
from gateway.contract import trouble
from gateway.contract.clock import SystemClock
from gateway.contract.keys import SigningKey
from gateway.contract.link import UNTRIED, Link
from gateway.contract.record import to_json
from gateway.contract.tls import Tls
from gateway.health import alarms, health, machine, reasons
from gateway.health import port as healthport
from gateway.health.alarms import Alarm
from gateway.health.machine import Machine
from gateway.health.metrics import metrics
from gateway.house import House
from gateway.reload import Settings
from gateway.update.place import Place

KEY = SigningKey(bytes(32))
HOUSE = 'gateway = "home"\nhealth = "127.0.0.1:7082"\n'
COMMUNITY = (
    f'community = "straat"\nbroker = "mqtt://127.0.0.1:1"\nbridge_key = "{KEY.public.x}"\n' + HOUSE
)
DEVICE = '[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n'
WELL = Machine(48_312, has_under_voltage=False, disk_free_bytes=9_000_000_000)
LEDGER = re.compile(r"receipt|ledger|credit|mint|hub|delivered|pending|community", re.IGNORECASE)


class Synced(SystemClock):
    """A clock that somebody keeps right, whatever this machine's does."""

    def quality(self) -> str:
        return "synced"


def inside(
    folder: Path, text: str, scenario: Callable[[House], Any], clock: SystemClock | None = None
) -> Any:
    """What the scenario gives, with a gateway that is put together and not started."""

    async def run() -> Any:
        (folder / "gateway.toml").write_text(text)
        settings, time = config.load(folder / "gateway.toml"), clock or Synced()
        with closing(building.open_journal(settings, clock=time, key=KEY)) as journal:
            told = scenario(building.build(settings, journal, clock=time, key=KEY))
            return await told if isawaitable(told) else told

    return asyncio.run(run())


async def get(house: House, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(healthport.app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7082") as client:
        return await client.get(path, headers=headers)


def codes(found: list[Alarm]) -> list[str]:
    return [alarm.code for alarm in found]


def open_line(house: House) -> None:
    now_s = asyncio.get_running_loop().time()
    house.devices["hall"].opened(now_s)
    house.devices["hall"].line.open(now_s)


def hear(house: House, times: int, *, damaged: int = 0) -> None:
    now_s = asyncio.get_running_loop().time()
    good = Message(0, b"x", (Reading("1-0:1.8.0", 1000, "mWh"),))
    bad = Message(0, b"x", (), (Fault("checksum", 0, 1, "off by one"),))
    for message in [good] * times + [bad] * damaged:
        house.devices["hall"].line.take(message, now_s)


def test_a_house_that_is_well_has_no_alarm(tmp_path):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        return health.alarms(house, WELL)

    assert [] == inside(tmp_path, HOUSE + DEVICE, scenario)


def test_what_is_lost_now_stands_before_what_can_wait(tmp_path):
    def scenario(house: House) -> list[Alarm]:
        house.devices["hall"].line.lose(0.0, why="unplugged", try_="")
        return health.alarms(house, WELL._replace(has_under_voltage=True))

    assert [
        Alarm("line-lost", "hall", "unplugged"),
        Alarm("under-voltage"),
    ] == inside(tmp_path, HOUSE + DEVICE, scenario)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param(WELL._replace(disk_free_bytes=499_999_999), "disk-short", id="disk"),
        pytest.param(WELL._replace(has_under_voltage=True), "under-voltage", id="voltage"),
    ],
)
def test_a_machine_in_want_is_told(tmp_path, box, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        return health.alarms(house, box)

    assert [expected] == codes(inside(tmp_path, HOUSE + DEVICE, scenario))


@pytest.mark.parametrize(
    ("good", "damaged", "expected"),
    [
        pytest.param(98, 2, [], id="one in fifty"),
        pytest.param(97, 3, [Alarm("line-noisy", "hall", "3 %")], id="three in a hundred"),
    ],
)
def test_a_line_that_damages_more_than_one_in_fifty_is_noisy(tmp_path, good, damaged, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        hear(house, good, damaged=damaged)
        return health.alarms(house, WELL)

    assert expected == inside(tmp_path, HOUSE + DEVICE, scenario)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        pytest.param(
            "nobody listens there",
            [Alarm("link-down", "127.0.0.1:1", "nobody listens there")],
            id="down",
        ),
        pytest.param(UNTRIED, [], id="not tried yet"),
    ],
)
def test_a_link_that_is_down_says_why(tmp_path, trouble, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        house.publisher.link.trouble = trouble
        return health.alarms(house, WELL)

    assert expected == inside(tmp_path, COMMUNITY + DEVICE, scenario)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {"stuck": "database or disk is full"},
            Alarm("journal-stuck", facts="database or disk is full"),
            id="stuck",
        ),
        pytest.param({"full": True}, Alarm("journal-full", facts="0"), id="full"),
        pytest.param(
            {"set_aside": "journal.db.1"}, Alarm("journal-aside", facts="journal.db.1"), id="aside"
        ),
        pytest.param(
            {"lost": {"evidence-x": 12}}, Alarm("journal-lost", "evidence-x", "12"), id="lost"
        ),
    ],
)
def test_what_ails_the_journal_is_told(tmp_path, monkeypatch, facts, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        ill = house.journal.standing()._replace(**facts)
        monkeypatch.setattr(house.journal, "standing", lambda: ill)
        return health.alarms(house, WELL)

    assert [expected] == inside(tmp_path, HOUSE + DEVICE, scenario)


def test_an_update_that_was_taken_back_is_told(tmp_path, monkeypatch):
    place = Place(tmp_path)
    (tmp_path / "taken-back").write_text('{"version":"0.2.0","why":"it fell over"}')
    monkeypatch.setattr(health.Place, "own", lambda: place)

    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        return health.alarms(house, WELL)

    expected = [Alarm("update-taken-back", "0.2.0", "it fell over")]
    assert expected == inside(tmp_path, HOUSE + DEVICE, scenario)


FINE = Standing(
    up=True, hub="online", overdue_s=0.0, held={}, forged=0, refused="", denied=False, trouble="",
    in_flight=0, resent=0, heard_ms=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"overdue_s": 600.0}, [], id="ten minutes"),
        pytest.param(
            {"overdue_s": 601.0}, [Alarm("receipts-overdue", facts="10 min")], id="overdue"
        ),
        pytest.param({"overdue_s": 7200.0, "up": False}, [], id="overdue without a link"),
        pytest.param(
            {"held": {"evidence-x": "a fork"}},
            [Alarm("chain-held", "evidence-x", "a fork")],
            id="held",
        ),
        pytest.param(
            {"refused": "ahead of us"},
            [Alarm("receipt-refused", facts="ahead of us")],
            id="refused",
        ),
        pytest.param({"forged": 3}, [Alarm("forged", facts="3")], id="forged"),
    ],
)
def test_what_ails_the_link_to_the_hub_is_told(tmp_path, monkeypatch, facts, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        house.publisher.link.trouble = ""
        monkeypatch.setattr(house.publisher, "standing", lambda: FINE._replace(**facts))
        return health.alarms(house, WELL)

    assert expected == inside(tmp_path, COMMUNITY + DEVICE, scenario)


def test_a_broker_that_swallows_what_we_say_is_told(tmp_path, monkeypatch):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        house.publisher.link.trouble = ""
        monkeypatch.setattr(Link, "denied", property(lambda _: True))
        return health.alarms(house, WELL)

    assert [Alarm("publish-denied", "127.0.0.1:1")] == inside(
        tmp_path, COMMUNITY + DEVICE, scenario
    )


DAY_S = 24 * 3600


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(22, [], id="in three weeks and a day"),
        pytest.param(20, ["certificate-ends"], id="in less than three weeks"),
    ],
)
def test_a_certificate_is_told_three_weeks_before_its_end(tmp_path, monkeypatch, days, expected):
    ends_ms = (SystemClock().utc_ms() // 1000 + days * DAY_S) * 1000
    monkeypatch.setattr(health, "ends_ms", lambda _: ends_ms)

    def scenario(house: House) -> list[str]:
        open_line(house)
        house.config = house.config.model_copy(
            update={"home_broker_tls": Tls(certificate=tmp_path / "gateway.crt")}
        )
        return codes(health.alarms(house, WELL))

    assert expected == inside(tmp_path, HOUSE + DEVICE, scenario)


@pytest.mark.parametrize(
    ("silent_s", "expected"),
    [(60, []), (61, [Alarm("device-silent", "hall", "1 min")])],
    ids=["a minute", "longer"],
)
def test_a_meter_that_has_gone_silent_is_told(tmp_path, silent_s, expected):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        house.devices["hall"].heard_s -= silent_s - 0.5
        return health.alarms(house, WELL)

    assert expected == inside(tmp_path, HOUSE + DEVICE, scenario)


def test_settings_that_were_refused_are_told(tmp_path):
    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        house.settings = Settings(tmp_path / "gateway.toml")
        house.settings.refused = "no driver is called 'p2'"
        return health.alarms(house, WELL)

    assert [Alarm("config-refused", facts="no driver is called 'p2'")] == inside(
        tmp_path, HOUSE + DEVICE, scenario
    )


@pytest.mark.parametrize(
    ("alarm", "dutch"),
    [
        (Alarm("device-silent", "hall", "5 h"), "hall zegt niets meer, al 5 uur."),
        (Alarm("device-silent", "hall", "1 d"), "hall zegt niets meer, al 1 dag."),
        (Alarm("line-lost", "hall", "unplugged"), "hall is niet te bereiken: de stekker is eruit."),
        (
            Alarm("line-lost", "hall", "held by Home Assistant (process 812)"),
            "hall is niet te bereiken: bezet door Home Assistant (proces 812).",
        ),
        (Alarm("line-lost", "hall", "never heard"), "hall is niet te bereiken: never heard."),
        (
            Alarm("chain-held", "evidence-x", "two records under number 7"),
            "De centrale neemt evidence-x niet meer aan: twee verschillende records met nummer 7.",
        ),
        (
            Alarm("chain-held", "evidence-x", "record 8 does not follow record 7"),
            "De centrale neemt evidence-x niet meer aan: record 8 sluit niet aan op record 7.",
        ),
    ],
    ids=["hours", "a day", "known", "with its program", "unknown", "two of one number", "no link"],
)
def test_a_reason_is_told_in_dutch_where_it_is_known(alarm, dutch):
    assert dutch == alarms.told(alarm, "nl")[0]


def test_every_fixed_reason_of_a_link_is_known_in_dutch():
    fixed = {*trouble._TLS.values(), *trouble._REFUSED.values(), *trouble.CLOSED_EARLY.values()}
    fixed |= {trouble.CLOSED, UNTRIED, *trouble._CERTIFICATE.values()}
    assert [] == [reason for reason in sorted(fixed) if reason == reasons.in_dutch(reason)]


def test_a_disk_that_is_gone_has_no_room_and_stops_nobody(tmp_path):
    assert 0 == machine.look(tmp_path / "gone").disk_free_bytes


@pytest.mark.parametrize("quality", ["held", "unset"])
def test_a_clock_that_nobody_keeps_right_is_told(tmp_path, monkeypatch, quality):
    clock = SystemClock()
    monkeypatch.setattr(clock, "quality", lambda: quality)

    def scenario(house: House) -> list[Alarm]:
        open_line(house)
        return health.alarms(house, WELL)

    assert [f"clock-{quality}"] == codes(inside(tmp_path, HOUSE + DEVICE, scenario, clock))


def test_every_alarm_is_told_in_both_languages():
    for code in alarms.SENTENCES:
        alarm = Alarm(code, "hall", "42")
        dutch, english = alarms.told(alarm, "nl"), alarms.told(alarm, "en")
        assert dutch[0] != english[0]
        assert all(dutch + english)
        assert "{" not in "".join(dutch + english)


def test_the_figures_are_as_prometheus_reads_them(tmp_path):
    def scenario(house: House) -> str:
        open_line(house)
        hear(house, 3, damaged=1)
        return metrics(house, WELL, [Alarm("clock-held")], 0.0)

    text = inside(tmp_path, COMMUNITY + DEVICE, scenario)
    told = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    hall = ("device", "hall")
    assert 3 == told["meterkast_line_telegrams_total", hall]
    assert 1 == told["meterkast_line_faults_total", hall, ("kind", "checksum")]
    assert 0.25 == told["meterkast_line_damaged_ratio", hall]
    assert 48.312 == told[("meterkast_temperature_celsius",)]
    assert 0 == told[("meterkast_under_voltage",)]
    assert 9e9 == told[("meterkast_disk_free_bytes",)]
    assert 1 == told["meterkast_alarms", ("code", "clock-held")]
    assert 0 == told["meterkast_link_up", ("link", "community")]
    assert 0 == told["meterkast_journal_records", ("state", "pending")]
    assert 1 == told["meterkast_clock_quality", ("quality", "synced")]


def test_a_house_without_a_community_meets_no_word_of_one(tmp_path):
    def scenario(house: House) -> str:
        open_line(house)
        box = health.look(house)
        return metrics(house, box, [], 0.0) + to_json(health.health(house)).decode()

    text = inside(tmp_path, HOUSE + DEVICE, scenario)
    # Codes of alarms are names of figures, and the same in every house.
    text = re.sub(r'code="[a-z-]+"', "", text)
    assert [] == LEDGER.findall(text)


def test_live_values_are_neither_in_the_figures_nor_on_the_health_topic(tmp_path):
    def scenario(house: House) -> str:
        open_line(house)
        device = house.devices["hall"]
        reading = Reading("1-0:1.7.0", 1_234_567, "mW", None, "E123456789")
        device.hear(Message(0, b"", (reading,)), now_s=0.0, utc_ms=1)
        text = metrics(house, WELL, [], 0.0)
        return text + to_json(health.health(house)).decode()

    text = inside(tmp_path, COMMUNITY + DEVICE, scenario)
    assert not [word for word in ("1234567", "1234", "E123456789", "1.7.0") if word in text]


def test_healthz_is_well_while_a_line_is_lost_and_says_so(tmp_path):
    async def scenario(house: House) -> httpx.Response:
        house.devices["hall"].line.lose(0.0, why="unplugged", try_="")
        return await get(house, "/healthz")

    answer = inside(tmp_path, HOUSE + DEVICE, scenario)
    assert 200 == answer.status_code
    told = msgspec.json.decode(answer.content)
    assert told["ok"] is True
    assert "hall cannot be reached: unplugged." == told["alarms"][0]["what"]


def test_healthz_says_503_while_nothing_can_be_kept(tmp_path, monkeypatch):
    async def scenario(house: House) -> httpx.Response:
        stuck = house.journal.standing()._replace(stuck="no room on the disk")
        monkeypatch.setattr(house.journal, "standing", lambda: stuck)
        return await get(house, "/healthz")

    answer = inside(tmp_path, HOUSE + DEVICE, scenario)
    assert 503 == answer.status_code
    assert "journal-stuck" == msgspec.json.decode(answer.content)["alarms"][0]["code"]


def test_a_hostile_site_reads_no_figures(tmp_path):
    async def scenario(house: House) -> list[int]:
        foreign = await get(house, "/metrics", Host="evil.example")
        crossed = await get(house, "/metrics", Origin="http://evil.example")
        return [foreign.status_code, crossed.status_code]

    assert [421, 403] == inside(tmp_path, HOUSE + DEVICE, scenario)
