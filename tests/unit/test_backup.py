"""Backups: what is in them, what a restore refuses, and that one that is cut off has done nothing.

A restored gateway goes on in new chains, a restored hub publishes nothing of an epoch that others
may have seen more of.
"""

import gzip
import io
import os
import random
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from gateway.contract import backup as archive
from gateway.contract import restore as restoring
from gateway.contract import schema
from gateway.contract.backup import Manifest
from gateway.contract.errors import UsageError
from gateway.contract.keys import SigningKey
from gateway.journal import EVIDENCE, Journal
from gateway.tools import backup as backup_tool
from gateway.tools.backup import backup, restore
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.restored import restored
from ledger_bridge.hub import Hub
from ledger_bridge.publishing import Publishing
from tests.cuts import cut_at
from tests.docs.test_pages import DOCS, blocks
from tests.journals import check_chain, current, put
from tests.kiosk import PIN_FILE
from tests.unit.test_gateway_house import TOML

BRIDGE = SigningKey(bytes([7] * 32)).public.x
HOUSE = f"""\
community = "zonstraat"
gateway = "home"
broker = "mqtt://127.0.0.1:1"
bridge_key = "{BRIDGE}"
[device.hall]
driver = "p1"
port = "tcp://127.0.0.1:9"
"""


def journal_in(folder: Path) -> Journal:
    return Journal.open(
        folder / "data",
        community="zonstraat",
        gateway="home",
        key=SigningKey.load(folder / "gateway.key"),
        boot="b",
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A gateway with three records and what else lies in its folder."""
    folder = tmp_path / "house"
    (folder / "data").mkdir(parents=True)
    (folder / "gateway.toml").write_text(HOUSE)
    (folder / "gateway.key").write_text(
        '{"kty":"OKP","crv":"Ed25519","x":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik",'
        '"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}\n'
    )
    (folder / "gateway.key").chmod(0o600)
    (folder / "data" / "bridge.keys").write_text("told\n")
    (folder / "unrelated.bin").write_bytes(bytes(9))
    with closing(journal_in(folder)) as journal:
        put(journal, 3)
    return folder


@pytest.fixture
def made(house: Path, tmp_path: Path) -> Path:
    file = tmp_path / "one.meterkast"
    assert 0 == backup(file, config=house / "gateway.toml")
    return file


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    init(tmp_path / "hub", community="zonstraat")
    return tmp_path / "hub"


def files(folder: Path) -> dict[str, int]:
    """All files of a folder with their modes."""
    found = [one for one in folder.rglob("*") if one.is_file()]
    return {str(one.relative_to(folder)): one.stat().st_mode & 0o777 for one in found}


def spoilt(members: dict[str, bytes], manifest: Manifest) -> Manifest:
    """A journal with its sums right, and a page of it wrong: SQLite has to look through it."""
    data = bytearray(members["data/journal.db"])
    data[4096:8192] = bytes(4096)
    return put_in("data/journal.db", bytes(data))(members, manifest)


def longer(members: dict[str, bytes], manifest: Manifest) -> Manifest:
    kept = manifest.files["gateway.key"]
    more = msgspec.structs.replace(kept, size=kept.size + 1)
    return msgspec.structs.replace(manifest, files=manifest.files | {"gateway.key": more})


def refused(file: Path, folder: Path) -> str:
    """What a restore says that does nothing."""
    before = files(folder) if folder.exists() else {}
    with pytest.raises(UsageError) as error:
        restore(file, folder)
    assert before == (files(folder) if folder.exists() else {})
    return error.value.problems[0].what


def changed(file: Path, to: Path, edit: Callable[[dict[str, bytes], Manifest], Manifest]) -> Path:
    """The same backup with other members, and a manifest that says so."""
    with tarfile.open(file, "r:gz") as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}
    manifest = msgspec.json.decode(members.pop("manifest.json"), type=Manifest)
    manifest = edit(members, manifest)
    with tarfile.open(to, "w:gz") as tar:
        said = msgspec.json.encode(manifest)
        for name, data in {"manifest.json": said, **members}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return to


def put_in(name: str, data: bytes) -> Callable[[dict[str, bytes], Manifest], Manifest]:
    def edit(members: dict[str, bytes], manifest: Manifest) -> Manifest:
        members[name] = data
        kept = archive.Kept(archive.hashlib.sha256(data).hexdigest(), len(data), 0o600)
        return msgspec.structs.replace(manifest, files={**manifest.files, name: kept})

    return edit


def said(**other: object) -> Callable[[dict[str, bytes], Manifest], Manifest]:
    return lambda members, manifest: msgspec.structs.replace(manifest, **other)


# What is in it


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


# What is refused


def test_a_backup_cut_short_anywhere_restores_nothing(made, tmp_path):
    whole, folder = made.read_bytes(), tmp_path / "new"
    short = tmp_path / "short"
    tried = 0
    for end in range(0, len(whole), max(1, len(whole) // 150)):
        short.write_bytes(whole[:end])
        refused(short, folder)
        tried += 1
    assert tried >= 150


def inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data, wbits=31)
    except zlib.error:
        return b""


def test_a_backup_with_a_changed_byte_restores_nothing(made, tmp_path):
    whole, folder = bytearray(made.read_bytes()), tmp_path / "new"
    chance = random.Random(1)
    # Its first ten bytes are gzip's own, of which some say nothing.
    for at in [10, 11, len(whole) - 1, *chance.sample(range(12, len(whole)), 150)]:
        other = bytearray(whole)
        other[at] ^= 1 << chance.randrange(8)
        if inflated(other) == inflated(whole):
            continue  # some bits mean nothing
        (tmp_path / "other").write_bytes(other)
        refused(tmp_path / "other", folder)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        pytest.param(said(version="99.0"), "a backup by meterkast 99.0, and this is", id="newer"),
        pytest.param(said(schema=5), "a backup by meterkast 0.1.0, and this is", id="schema"),
        pytest.param(said(format=2), "a backup of another kind: 'gateway', format 2", id="format"),
        pytest.param(said(kind="bank"), "a backup of another kind: 'bank', format 1", id="kind"),
        pytest.param(
            said(community="maanstraat"),
            "its settings or its journal are not those of home of maanstraat",
            id="community",
        ),
        pytest.param(
            put_in("gateway.toml", HOUSE.replace("zonstraat", "maanstraat").encode()),
            "its settings or its journal are not those of home of zonstraat",
            id="settings",
        ),
        pytest.param(said(version="9" * 5_000), "manifest.json is not what", id="long-version"),
        pytest.param(said(made_ms=10**18), "manifest.json is not what", id="made-never"),
        pytest.param(
            lambda _, manifest: msgspec.structs.replace(
                manifest, files=manifest.files | {"big": archive.Kept("", 10**15, 0o600)}
            ),
            " bytes are to be restored, and there is room for ",
            id="room",
        ),
        pytest.param(put_in("../evil", b""), "no file may be called '../evil'", id="above"),
        pytest.param(put_in("/evil", b""), "no file may be called '/evil'", id="root"),
        pytest.param(put_in("a\nb", b""), r"no file may be called 'a\nb'", id="lines"),
        pytest.param(put_in(".moved", b""), "no file may be called '.moved'", id="ours"),
        pytest.param(
            put_in("data/journal.db", b"x" * 9999),
            "of data/journal.db SQLite says: file is not a database",
            id="journal",
        ),
        pytest.param(
            lambda members, manifest: (
                members.update({"gateway.key": members["gateway.key"].replace(b"OKP", b"OKQ")})
                or manifest
            ),
            "gateway.key has changed",
            id="changed",
        ),
        pytest.param(
            lambda members, manifest: members.pop("gateway.key") and manifest,
            "gateway.key is missing",
            id="missing",
        ),
        pytest.param(
            lambda members, manifest: members.update(more=b"") or manifest,
            "more is not as manifest.json says",
            id="more",
        ),
        pytest.param(put_in("gateway.toml", b"["), "gateway.toml is no TOML", id="toml"),
        pytest.param(
            lambda members, manifest: put_in(
                "gateway.toml", HOUSE.replace("zonstraat", "maanstraat").encode()
            )(members, said(community="maanstraat")(members, manifest)),
            "its settings or its journal are not those of home of maanstraat",
            id="journal-of-another",
        ),
        pytest.param(said(settings="none.toml"), "it has no settings, or no", id="no-settings"),
        pytest.param(said(database="none.db"), "it has no settings, or no", id="no-database"),
        pytest.param(
            said(settings="data/journal.db"), "it has no settings, or no", id="settings-below"
        ),
        pytest.param(longer, "gateway.key is not as manifest.json says", id="longer"),
        pytest.param(spoilt, "of data/journal.db SQLite says: ", id="spoilt-page"),
    ],
)
def test_what_is_no_backup_of_ours_is_refused(made, tmp_path, edit, what):
    assert what in refused(changed(made, tmp_path / "other", edit), tmp_path / "new")


def test_what_version_0_9_made_version_0_10_restores(made, tmp_path, monkeypatch):
    older = changed(made, tmp_path / "older", said(version="0.9.1"))
    monkeypatch.setattr(restoring.metadata, "version", lambda _: "0.10.0")
    restore(older, tmp_path / "new")
    assert (tmp_path / "new/gateway.toml").exists()


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "FIFOTYPE", "DIRTYPE"])
def test_a_member_that_is_no_plain_file_restores_nothing(made, tmp_path, kind):
    with tarfile.open(made, "r:gz") as tar:
        (first, *rest) = [(one, tar.extractfile(one).read()) for one in tar]
    member = tarfile.TarInfo("gateway.key")
    member.type, member.linkname = getattr(tarfile, kind), "/etc/passwd"
    with tarfile.open(tmp_path / "other", "w:gz") as tar:
        for one, data in (first, (member, b""), *rest):
            tar.addfile(one, io.BytesIO(data))
    assert "gateway.key is no file" in refused(tmp_path / "other", tmp_path / "new")


def test_a_list_without_end_is_not_read(made, tmp_path, monkeypatch):
    monkeypatch.setattr(restoring, "MANIFEST_BYTES_MAX", 100)
    assert "manifest.json is far too long" in refused(made, tmp_path / "new")


def test_a_member_that_comes_twice_restores_nothing(made, tmp_path):
    with tarfile.open(made, "r:gz") as tar:
        (first, *rest) = [(one, tar.extractfile(one).read()) for one in tar]
    with tarfile.open(tmp_path / "other", "w:gz") as tar:
        for one, data in (first, *rest, rest[0]):
            tar.addfile(one, io.BytesIO(data))
    assert f"{rest[0][0].name} is not as manifest.json says" in refused(
        tmp_path / "other", tmp_path / "new"
    )


def test_what_a_cut_off_restore_left_leads_to_nothing_outside_its_folder(made, tmp_path):
    """Whoever may write into the folder may have written that."""
    for name in ("new/.restoring", "theirs"):
        (tmp_path / name).mkdir(parents=True)
    elsewhere = ("../theirs", str(tmp_path / "theirs"), "..")
    (tmp_path / "new/.restoring/.moved").write_text("\n".join(("gateway.toml", *elsewhere)))
    restore(made, tmp_path / "new")
    assert (tmp_path / "theirs").is_dir()
    assert (tmp_path / "new/gateway.toml").exists()


def test_a_file_that_is_no_backup_is_told(tmp_path):
    (tmp_path / "text").write_text("none")
    assert "it ends early, or is no backup" in refused(tmp_path / "text", tmp_path / "new")
    with tarfile.open(tmp_path / "other", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("gateway.toml"))
    assert "manifest.json is not what it begins with" in refused(
        tmp_path / "other", tmp_path / "new"
    )
    with gzip.open(tmp_path / "empty", "wb"):
        pass
    assert "a damaged backup" in refused(tmp_path / "empty", tmp_path / "new")
    assert "there is no such backup" == refused(tmp_path / "none", tmp_path / "new")
    assert "the backup cannot be read: Is a directory" == refused(tmp_path, tmp_path / "new")


def test_a_backup_that_this_user_may_not_read_and_a_stick_that_breaks_are_told(
    made, tmp_path, monkeypatch
):
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    for what, where, fails in (
        ("Permission denied", "pathlib.Path.open", denied),
        ("Input/output error", "gateway.contract.restore._unpack", broken),
    ):
        with monkeypatch.context() as stick:
            stick.setattr(where, fails)
            assert f"the backup cannot be read: {what}" == refused(made, tmp_path / "new")


# What is cut off


def test_a_restore_that_is_cut_off_anywhere_is_whole_or_can_be_done_again(made, tmp_path):
    restore(made, tmp_path / "expected")
    expected = files(tmp_path / "expected")
    points = 0
    while cut_at(points + 1, partial(restore, made, folder := tmp_path / f"cut-{points}")):
        points += 1
        if not (folder / "gateway.toml").exists():
            restore(made, folder)
        there = {name for name in files(folder) if not name.startswith(".restoring")}
        assert set(expected) == there
    assert points > 30


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


def test_books_of_another_community_make_no_hub(hub, tmp_path):
    config = hub / "bridge.toml"
    backup(tmp_path / "one.meterkast", config=config)
    settings = config.read_text().replace("zonstraat", "maanstraat").encode()
    other = changed(
        tmp_path / "one.meterkast",
        tmp_path / "other",
        lambda members, manifest: put_in("bridge.toml", settings)(
            members, said(community="maanstraat")(members, manifest)
        ),
    )
    assert "its settings or its books are not those of maanstraat" in refused(
        other, tmp_path / "new"
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
