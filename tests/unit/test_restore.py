"""What a restore refuses, and that one that is cut off has done nothing, or all."""

import gzip
import io
import random
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from gateway.contract import backup as archive
from gateway.contract import restore as restoring
from gateway.contract.backup import Manifest
from gateway.tools.backup import backup, restore
from ledger_bridge.commands.hub import init
from tests.backups import HOUSE, files, house_in, refused
from tests.cuts import cut_at


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


def spoilt(members: dict[str, bytes], manifest: Manifest) -> Manifest:
    """A journal with its sums right, and a page of it wrong: SQLite has to look through it."""
    data = bytearray(members["data/journal.db"])
    data[4096:8192] = bytes(4096)
    return put_in("data/journal.db", bytes(data))(members, manifest)


def longer(members: dict[str, bytes], manifest: Manifest) -> Manifest:
    kept = manifest.files["gateway.key"]
    more = msgspec.structs.replace(kept, size=kept.size + 1)
    return msgspec.structs.replace(manifest, files=manifest.files | {"gateway.key": more})


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
