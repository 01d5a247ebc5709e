"""New settings without a restart: all at once or not at all, and the last good ones stay."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path

import pytest

from gateway import config, reload
from gateway.contract.errors import ConfigError, Problem, Unreachable
from gateway.reload import Settings

HALL = 'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/9"\n'
CELLAR = HALL.replace("hall", "cellar")
WRONG = HALL.replace('"p1"', '"p2"')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(HALL)
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_S", 0.02)


def names(settings: config.Config | None) -> list[str]:
    return list(settings.device) if settings else []


def test_a_file_that_cannot_be_used_at_the_start_is_told_with_its_mistakes(file):
    file.write_text(WRONG)
    with pytest.raises(ConfigError, match="no driver is called 'p2'"):
        Settings(file)


def test_a_wrong_file_leaves_the_good_settings_and_says_why(file):
    settings = Settings(file)
    file.write_text(WRONG)
    assert None is settings.look()
    assert ["hall"] == names(settings.good)
    assert settings.refused == f"no driver is called 'p2'; {file} line 3: device.hall.driver"


def test_of_several_mistakes_the_first_is_told_and_the_others_are_counted(file):
    settings = Settings(file)
    file.write_text(WRONG + 'line = "fast"\ncolour = "red"\n')
    settings.look()
    assert settings.refused.endswith(" (and 1 more)")


def test_once_the_file_is_mended_nothing_is_refused_any_more(file):
    settings = Settings(file)
    file.write_text(WRONG)
    settings.look()
    file.write_text(CELLAR)
    assert ["cellar"] == names(settings.look())
    assert "" == settings.refused


def test_settings_that_cannot_be_started_with_give_way_to_those_before(file):
    settings = Settings(file)
    file.write_text(CELLAR)
    taken = settings.look()
    assert taken
    settings.take(taken)
    before = settings.keep(Unreachable(Problem("the port is taken", "page", "another")))
    assert ["hall"] == names(before)
    assert ["hall"] == names(settings.good)
    assert "the port is taken; page" == settings.refused


async def soon(news: Coroutine[None, None, config.Config]) -> config.Config:
    async with asyncio.timeout(5):
        return await news


def test_a_changed_file_is_news(file):
    async def scenario() -> config.Config:
        settings = Settings(file)
        waiting = asyncio.ensure_future(soon(settings.news()))
        await asyncio.sleep(0.05)
        file.write_text(CELLAR)
        return await waiting

    assert ["cellar"] == names(asyncio.run(scenario()))


def test_a_file_put_in_place_of_the_old_one_is_news(file):
    async def scenario() -> config.Config:
        settings = Settings(file)
        beside = file.with_suffix(".new")
        beside.write_text(CELLAR)
        beside.replace(file)
        return await soon(settings.news())

    assert ["cellar"] == names(asyncio.run(scenario()))


def test_the_same_settings_with_another_key_are_news(file):
    async def scenario() -> config.Config:
        settings = Settings(file)
        settings.good.key.write_text("a key")
        waiting = asyncio.ensure_future(soon(settings.news()))
        await asyncio.sleep(0.05)
        settings.good.key.unlink()
        settings.good.key.write_text("another")
        os.utime(file, ns=(1, 1))
        return await waiting

    assert ["hall"] == names(asyncio.run(scenario()))


def test_a_file_touched_or_taken_away_is_no_news(file):
    async def scenario() -> bool:
        settings = Settings(file)
        waiting = asyncio.ensure_future(settings.news())
        os.utime(file, ns=(1, 1))
        await asyncio.sleep(0.1)
        file.unlink()
        await asyncio.sleep(0.1)
        is_news = waiting.done()
        waiting.cancel()
        return is_news

    assert not asyncio.run(scenario())


def test_a_file_that_is_still_being_written_is_not_read(file):
    async def scenario() -> str:
        settings = Settings(file)
        waiting = asyncio.ensure_future(settings.news())
        for turn in range(20):
            file.write_text(WRONG + "#" * turn)
            await asyncio.sleep(0.01)
        refused = settings.refused
        waiting.cancel()
        return refused

    assert "" == asyncio.run(scenario())


def test_who_sends_sighup_gets_the_settings_read_although_the_file_is_the_same(file):
    async def scenario() -> config.Config:
        settings = Settings(file)
        waiting = asyncio.ensure_future(soon(settings.news()))
        await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGHUP)
        return await waiting

    assert ["hall"] == names(asyncio.run(scenario()))


def test_sighup_with_a_wrong_file_changes_nothing(file):
    async def scenario() -> str:
        settings = Settings(file)
        waiting = asyncio.ensure_future(settings.news())
        await asyncio.sleep(0.05)
        file.write_text(WRONG)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
        return settings.refused

    assert asyncio.run(scenario()).startswith("no driver is called 'p2'")
