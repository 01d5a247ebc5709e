"""Keys that the service manager gives: taken where there is no file, and never before one."""

from pathlib import Path

import pytest

from gateway import config as files
from gateway import ownkey
from gateway.contract.cards import load_key
from gateway.contract.clock import SystemClock
from gateway.contract.errors import ConfigError
from gateway.contract.keys import SigningKey
from ledger_bridge.commands.hub import init
from ledger_bridge.hub import Hub


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "given"))
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def test_a_key_that_systemd_gives_is_taken_by_the_name_of_its_file(tmp_path, credentials):
    key = SigningKey.create(credentials / "gateway.key")
    assert key.public.x == SigningKey.load(tmp_path / "gateway.key").public.x


def test_a_file_goes_before_what_systemd_was_given_once(tmp_path, credentials):
    # A key that was changed lies in the file.
    SigningKey.create(credentials / "gateway.key")
    new = SigningKey.create(tmp_path / "gateway.key")
    assert new.public.x == SigningKey.load(tmp_path / "gateway.key").public.x


def test_a_key_that_is_nowhere_is_told_with_the_file(tmp_path, credentials):
    with pytest.raises(ConfigError) as told:
        SigningKey.load(tmp_path / "gateway.key")
    assert str(tmp_path / "gateway.key") == told.value.problems[0].where


def test_the_card_key_may_be_given_too(tmp_path, credentials):
    (credentials / "card.key").write_text("5a" * 32)
    assert b"\x5a" * 32 == load_key(tmp_path / "card.key")


def test_a_house_whose_key_is_given_makes_no_other(tmp_path, credentials):
    key = SigningKey.create(credentials / "gateway.key")
    (tmp_path / "gateway.toml").write_text(
        'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "tcp://127.0.0.1:9"\n'
    )
    config = files.load(tmp_path / "gateway.toml")
    assert key.public.x == ownkey.load(config, clock=SystemClock()).public.x
    assert not (tmp_path / "gateway.key").exists()


def test_books_open_with_keys_that_are_given(tmp_path, credentials):
    init(tmp_path / "hub", community="straat")
    hub = Hub.load(tmp_path / "hub/bridge.toml")
    kept = {name: hub.key(name).public.x for name in ("bridge", "log")}
    for name in kept:
        (tmp_path / f"hub/keys/{name}.key").rename(credentials / f"{name}.key")
    community = hub.open_to_write()
    assert kept["log"] == community.registry.log
    assert kept["bridge"] == hub.key_in_use("bridge", community.registry.bridge).public.x
