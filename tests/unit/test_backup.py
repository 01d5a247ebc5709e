"""Backups: what is in them, and how a gateway or a hub goes on from one."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.contract import backup as archive
from gateway.contract import schema
from gateway.contract.errors import UsageError
from gateway.contract.keys import SigningKey
from gateway.journal import EVIDENCE, Journal
from gateway.tools import backup as backup_tool
from gateway.tools.backup import backup, restore
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.restored import restored
from ledger_bridge.hub import Hub
from ledger_bridge.publishing import Publishing
from tests.backups import HOUSE, files, house_in, journal_in, refused
from tests.docs.test_pages import DOCS, blocks
from tests.journals import check_chain, current, put
from tests.kiosk import PIN_FILE
from tests.unit.test_gateway_house import TOML


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return house_in(tmp_path / "house")


@pytest.fixture
def made(house: Path, tmp_path: Path) -> Path:
    file = tmp_path / "one.meterkast"
    assert 0 == backup(file, config=house / "gateway.toml")
    return file


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    init(tmp_path / "hub", community="zonstraat")
    return tmp_path / "hub"


def test_a_gateway_is_backed_up_while_it_runs_and_restored_whole(house, tmp_path):
    expected = {
        "gateway.toml": 0o644,
        "gateway.key": 0o600,
        "data/bridge.keys": 0o644,
        "data/journal.db": 0o600,
        "data/journal.restored": 0o600,
    }
    with closing(journal_in(house)) as journal:
        chain = put(journal)
        backup(tmp_path, config=house / "gateway.toml")
        put(journal)  # after the backup
    (file,) = tmp_path.glob("home-*.meterkast")
    assert 0o600 == file.stat().st_mode & 0o777
    restore(file, tmp_path / "new")
    assert expected == files(tmp_path / "new")
    with closing(journal_in(tmp_path / "new")) as journal:
        assert [1, 2, 3, 4] == check_chain(journal.records(chain, start=1, limit=9))
        assert 4 == journal.tally().pending


def test_a_restored_gateway_gives_no_number_twice(made, tmp_path):
    restore(made, tmp_path / "new")
    with closing(journal_in(tmp_path / "new")) as journal:
        (old,) = [one for one in journal.chains() if one.kind == EVIDENCE and not one.current]
        assert current(journal).chain == put(journal, 2) != old.chain
        assert (3, 2) == (old.last, current(journal).last)
        assert 5 == journal.tally().pending
    # It was told once; from here on it goes on as any other.
    with closing(journal_in(tmp_path / "new")) as journal:
        assert [1, 2, 3] == check_chain(journal.records(put(journal), start=1, limit=9))


def test_all_keys_of_a_recycling_point_and_the_map_of_its_scale_are_in_it(tmp_path):
    _, radwag, _ = blocks(DOCS / "scale-map.md", "toml")
    point = TOML.replace('"mtsics"', '"scale"\nmap = "radwag.toml"').replace('"z"', '"zonstraat"')
    names = {"card.key": "07" * 32, "operator.pin": PIN_FILE, "radwag.toml": radwag}
    names |= {"gateway.toml": point, "gateway.key.old": "old", "gateway.key.new": "new"}
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "data").mkdir()
    key = SigningKey.create(tmp_path / "gateway.key")
    Journal.open(
        tmp_path / "data", community="zonstraat", gateway="point", key=key, boot="b"
    ).close()
    backup(tmp_path / "one.meterkast", config=tmp_path / "gateway.toml")
    restore(tmp_path / "one.meterkast", new := tmp_path / "new")
    assert {*names, "gateway.key", "data/journal.db", "data/journal.restored"} == set(files(new))
    backup(tmp_path / "two.meterkast", config=tmp_path / "gateway.toml", without_keys=True)
    restore(tmp_path / "two.meterkast", new := tmp_path / "less")
    public = {"gateway.toml", "radwag.toml", "data/journal.db", "data/journal.restored"}
    assert public == set(files(new))


def test_keys_are_left_out_where_they_are_kept_elsewhere(house, tmp_path, capsys):
    file = tmp_path / "one.meterkast"
    backup(file, config=house / "gateway.toml", without_keys=True)
    assert "not in it: gateway.key" in capsys.readouterr().out
    restore(file, tmp_path / "new")
    assert "gateway.key" not in files(tmp_path / "new")
    assert "not in the backup: gateway.key" in capsys.readouterr().out


def test_keys_that_change_meanwhile_are_those_that_the_journal_knows(house, tmp_path, monkeypatch):
    copy, key = schema.copy, house / "gateway.key"

    def rotated(db: sqlite3.Connection, to: Path) -> None:
        if to.exists():
            to.unlink()
        elif key.read_text() != "another":
            key.write_text("another")
        copy(db, to)

    monkeypatch.setattr(schema, "copy", rotated)
    backup(tmp_path / "one.meterkast", config=house / "gateway.toml")
    restore(tmp_path / "one.meterkast", tmp_path / "new")
    assert "another" == (tmp_path / "new" / "gateway.key").read_text()


def test_keys_that_change_all_the_time_make_no_backup(house, tmp_path, monkeypatch):
    copy, key, made = schema.copy, house / "gateway.key", []

    def rotated(db: sqlite3.Connection, to: Path) -> None:
        made.append(to)
        key.write_text(f"another, {len(made)}")
        copy(db, to)

    monkeypatch.setattr(schema, "copy", rotated)
    with pytest.raises(UsageError, match="the keys change all the time"):
        backup(tmp_path / "one.meterkast", config=house / "gateway.toml")
    assert (3, ["house"]) == (len(made), [one.name for one in tmp_path.iterdir()])


def test_a_next_key_that_is_taken_meanwhile_is_no_trouble(house, tmp_path, monkeypatch):
    copy, key, after = schema.copy, house / "gateway.key", house / "gateway.key.next"
    after.write_text("next")

    def rotated(db: sqlite3.Connection, to: Path) -> None:
        if after.exists():
            after.replace(key)
        copy(db, to)

    monkeypatch.setattr(schema, "copy", rotated)
    backup(tmp_path / "one.meterkast", config=house / "gateway.toml")
    restore(tmp_path / "one.meterkast", tmp_path / "new")
    assert ["gateway.key"] == [one for one in files(tmp_path / "new") if "key" in one[:12]]
    assert "next" == (tmp_path / "new" / "gateway.key").read_text()


def test_a_disk_that_keeps_no_modes_makes_no_key_readable(house, tmp_path, monkeypatch, capsys):
    """As a USB stick with FAT or exFAT, where all is everybody's."""
    copy, make = shutil.copyfile, os.open

    def copied(source: Path, to: Path) -> None:
        copy(source, to)
        to.chmod(0o777)

    def opened(path: Path, flags: int, mode: int = 0o777, **given: object) -> int:
        return make(path, flags, 0o777 if mode == 0o600 else mode, **given)

    with monkeypatch.context() as stick:
        stick.setattr(shutil, "copyfile", copied)
        stick.setattr(os, "open", opened)
        backup(tmp_path / "one.meterkast", config=house / "gateway.toml")
    assert "this disk knows no owners" in capsys.readouterr().out
    restore(tmp_path / "one.meterkast", tmp_path / "new")
    modes = files(tmp_path / "new")
    assert (0o600, 0o644) == (modes["gateway.key"], modes["gateway.toml"])


def test_no_backup_is_in_a_backup(house, hub, tmp_path):
    for to, config in (
        (house / "data", house / "gateway.toml"),
        (hub / "tls", hub / "bridge.toml"),
    ):
        for n, name in enumerate(("one.meterkast", "two.meterkast")):
            backup(to / name, config=config)
            restore(to / name, new := tmp_path / f"{to.name}-{n}")
            assert [] == [one for one in files(new) if "meterkast" in one]


def test_a_folder_that_is_not_there_is_no_file_of_that_name(house, tmp_path):
    with pytest.raises(UsageError, match="there is no such folder"):
        backup(tmp_path / "stick", config=house / "gateway.toml")
    assert ["house"] == [one.name for one in tmp_path.iterdir()]


def test_a_place_that_this_user_may_not_look_into_is_told(house, tmp_path, monkeypatch):
    def shut(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "stick").mkdir()
    with monkeypatch.context() as place:
        place.setattr(Path, "exists", shut)
        with pytest.raises(UsageError, match="this place cannot be looked at: Permission denied"):
            backup_tool._new(tmp_path / "stick", "one.meterkast")


def test_what_lies_elsewhere_is_named(house, hub, tmp_path, capsys):
    (house / "gateway.toml").write_text(
        HOUSE.replace("mqtt:", "mqtts:") + f'[broker_tls]\nca = "{tmp_path}/ca.crt"\n'
    )
    shutil.copy(hub / "tls" / "ca.crt", tmp_path)
    backup(tmp_path / "one.meterkast", config=house / "gateway.toml")
    assert f"not in it: {tmp_path}/ca.crt" in capsys.readouterr().out


def test_a_backup_that_cannot_be_written_leaves_nothing(house, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_pack", full)
    (tmp_path / "to").mkdir()
    # What one left that was killed is taken away first.
    (tmp_path / "to/.meterkast-backup/laid").mkdir(parents=True)
    (tmp_path / "to/.meterkast-backup/part").touch()
    with pytest.raises(UsageError, match="no backup can be written: No space left on device"):
        backup(tmp_path / "to", config=house / "gateway.toml")
    assert [] == list((tmp_path / "to").iterdir())


def test_one_backup_at_a_time_is_made_in_a_folder(house, tmp_path, monkeypatch):
    copy, told = schema.copy, []

    def meanwhile(db: sqlite3.Connection, to: Path) -> None:
        with pytest.raises(UsageError) as refused:
            backup(tmp_path / "second.meterkast", config=house / "gateway.toml")
        told.append(refused.value.problems[0].what)
        copy(db, to)

    monkeypatch.setattr(schema, "copy", meanwhile)
    backup(tmp_path / "first.meterkast", config=house / "gateway.toml")
    assert ["another backup is being made here"] == told
    assert ["first.meterkast", "house"] == sorted(one.name for one in tmp_path.iterdir())


def test_nothing_is_overwritten(made, house, tmp_path):
    before = made.read_bytes()
    with pytest.raises(UsageError, match="there is a file of this name already"):
        backup(made, config=house / "gateway.toml")
    assert before == made.read_bytes()
    assert "there is something here already, and a restore overwrites nothing" == refused(
        made, house
    )


# A hub


def test_a_restored_hub_publishes_nothing_until_stewards_begin_its_log_again(hub, tmp_path):
    config = hub / "bridge.toml"
    Publishing(Hub.load(config), lambda: ()).publish()
    backup(tmp_path / "one.meterkast", config=config)
    restore(tmp_path / "one.meterkast", tmp_path / "new")
    new = Hub.load(tmp_path / "new" / "bridge.toml")
    head = new.log_folder / "checkpoint"
    before = head.read_bytes()
    publishing = Publishing(new, lambda: ())
    (new.log_folder / "checkpoint").unlink()
    publishing.publish()
    assert "these books are a backup: others may have seen more of the log" == publishing._trouble
    assert not head.exists()
    head.write_bytes(before)
    restored(config=new.config)
    publishing.publish()
    assert ("", False) == (publishing._trouble, (tmp_path / "new" / "books.restored").exists())
    assert b"zonstraat/2" in b"".join(
        one.read_bytes() for one in new.log_folder.rglob("checkpoint")
    )


def test_a_hubs_keys_and_certificates_are_restored_as_they_were(hub, tmp_path):
    (hub / "enrolment").mkdir(mode=0o700)
    for name in ("enrolment/home.invitation", "keys/bridge.next", "keys/log.until-2f0c1d3e"):
        (hub / name).touch(0o600)
    backup(tmp_path / "one.meterkast", config=hub / "bridge.toml")
    restore(tmp_path / "one.meterkast", tmp_path / "new")
    expected = {name: mode for name, mode in files(hub).items() if not name.startswith("books")}
    there = files(tmp_path / "new")
    assert {"books.db", "books.restored"} == there.keys() - expected.keys()
    assert expected.items() <= there.items()
    assert {"keys/steward.key", "keys/log.key", "tls/ca.key", "card.key"} < expected.keys()


def test_folders_are_open_to_whom_they_were_open(hub, tmp_path):
    """A web server serves the log; nobody else looks into the folder of the CA."""
    Publishing(Hub.load(hub / "bridge.toml"), lambda: ()).publish()
    expected = {"log": 0o755, "log/tile": 0o755, "tls": 0o700, "keys": 0o750}
    for name, mode in expected.items():
        (hub / name).chmod(mode)
    backup(tmp_path / "one.meterkast", config=hub / "bridge.toml")
    restore(tmp_path / "one.meterkast", new := tmp_path / "new")
    assert expected == {name: (new / name).stat().st_mode & 0o777 for name in expected}


def test_the_one_of_the_folder_is_taken_and_two_must_be_named(hub, house, tmp_path, monkeypatch):
    monkeypatch.chdir(hub)
    backup(tmp_path)
    assert 1 == len(list(tmp_path.glob("zonstraat-*.meterkast")))
    shutil.copy(house / "gateway.toml", hub)
    with pytest.raises(UsageError, match="both a gateway and a hub are here"):
        backup(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="neither gateway nor hub is here"):
        backup(tmp_path)
