"""A whole gateway, from bytes on a pseudo-terminal to records in its journal."""

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from drivers import sdk
from gateway import building, ownkey, run
from gateway import config as settings
from gateway.contract import record
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError, UsageError
from gateway.contract.record import CLOCK, QUARTER
from gateway.house import House
from gateway.journal import EVIDENCE, PRIVATE
from gateway.tools import replay

# A meter without a clock: whoever runs the tests may have one that nobody keeps right.
(TELEGRAM,) = (one.stream for one in sdk.load("p1").examples if "no clock" in one.name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text('gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9999"\n')
    return path


def kinds(path: Path) -> dict[str, list[record.Record]]:
    """What the journal of a stopped gateway holds."""
    config, clock = settings.load(path), SystemClock()
    key = ownkey.load(config, clock=clock)
    with closing(building.open_journal(config, clock=clock, key=key)) as journal:
        return {
            chain.kind: [
                record.parse(data)[1] for data in journal.records(chain.chain, start=1, limit=99)
            ]
            for chain in journal.chains()
        }


def test_a_replayed_capture_becomes_a_boundary_record_and_samples(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "capture.bin"
    capture.write_bytes(TELEGRAM * 3)
    assert replay.replay(capture, config=home) == 0
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert json.loads(told)["messages"] == 3
    held = kinds(home)
    assert sorted(one.typ for one in held[EVIDENCE]) == [CLOCK, QUARTER]
    (quarter,) = (one for one in held[EVIDENCE] if one.typ == QUARTER)
    assert quarter.elements[-1].n == "hall/telegram"
    assert len(held[PRIVATE]) == 1
    assert replay.replay(capture, config=home, speed=100) == 0
    assert len(kinds(home)[EVIDENCE]) in {2, 3}  # 3 where a boundary passed meanwhile


def test_a_capture_is_replayed_at_its_own_times(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hall.capture"
    half = len(TELEGRAM) // 2
    file.write_text(
        '{"capture":1,"device":"hall","driver":"p1","began":"2026-06-21T10:00:00Z"}\n'
        f'{{"ms":10,"rx":"{TELEGRAM[:half].hex()}"}}\n'
        f'{{"ms":3000,"rx":"{TELEGRAM[half:].hex()}"}}\n'
    )
    began_s = time.monotonic()
    assert replay.replay(file, config=home, speed=10) == 0
    assert time.monotonic() - began_s >= 0.3 + replay.QUIET_S
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert (json.loads(told)["messages"], json.loads(told)["faults"]) == (1, 0)


def test_devices_of_one_line_are_answered_once_they_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = tmp_path / "gateway.toml", tmp_path / "scales.capture"
    block = 'driver = "mtsics"\nport = "/dev/pts/9999"\n'
    path.write_text(f'gateway = "point"\n[device.a]\n{block}[device.b]\n{block}')
    answers = [b"S S      1.000 kg\r\n", b"S S      2.000 kg\r\n"]
    spoken = "".join(
        f'{{"ms":1,"tx":"{b"SI".hex()}0d0a"}}\n{{"ms":2,"rx":"{answer.hex()}"}}\n'
        for answer in answers
    )
    file.write_text('{"capture":1,"device":"a","driver":"mtsics","began":"x"}\n' + spoken)
    assert replay.replay(file, config=path) == 0
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert (json.loads(told)["messages"], json.loads(told)["faults"]) == (1, 0)


def test_what_is_wrong_with_a_capture_is_told_before_it_is_fed(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "hall.capture"
    file.write_text('{"capture":1}\n{"ms":1,"rx":"zz"}\n')
    with pytest.raises(UsageError, match=r"hall\.capture, line 2"):
        replay.replay(file, config=home)
    assert not (tmp_path / "data").exists()


def test_replay_names_the_devices_there_are(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no device is called 'attic'"):
        replay.replay(tmp_path / "x", config=home, device="attic")


def test_a_part_that_dies_ends_the_gateway_with_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_: House) -> None:
        raise RuntimeError("disk gone")

    async def never(_: House) -> None:
        await run.asyncio.Event().wait()

    monkeypatch.setattr(run, "_tick", dies)
    assert run.run(settings.load(home), until=never) == 1


def test_a_member_of_a_community_without_a_key_is_told_to_enrol(home: Path) -> None:
    text = home.read_text()
    home.write_text(
        f'community = "z"\nbroker = "mqtt://127.0.0.1:1"\nbridge_key = "{"A" * 43}"\n{text}'
    )
    with pytest.raises(ConfigError, match="the key file does not exist"):
        run.gateway(config=home)
