"""Proofs as people use them: a member makes one, a neighbour checks it on another machine."""

import ast
import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import ledger_bridge.books
from gateway.contract.errors import ConfigError, PeopleError, UsageError
from gateway.contract.keys import b64
from ledger_bridge.books.community import Community
from ledger_bridge.books.log.note import Checkpoint, note
from ledger_bridge.books.log.proof import check, read
from ledger_bridge.books.registry import papers, stewards
from ledger_bridge.books.registry.edits import Edit, Edits, StewardsNamed
from ledger_bridge.books.registry.stewards import Term
from ledger_bridge.commands.keys import rotate
from ledger_bridge.commands.policy import sign
from ledger_bridge.commands.proof import proof
from ledger_bridge.commands.restored import restored
from ledger_bridge.commands.verify import verify
from ledger_bridge.hub import Hub
from ledger_bridge.page.app import build
from ledger_bridge.publishing import Publishing
from tests.street import ID, MIDNIGHT_MS, QUARTER_MS, Chain, Street, key

LOG = key("log").public.x


def keep(folder: Path, name: str) -> None:
    """The key file of a hub, or of a steward."""
    seed = hashlib.sha256(name.encode()).digest()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": key(name).public.x, "d": b64(seed)}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.key").write_text(json.dumps(jwk))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that nobody runs, whose noor has booking 1."""
    street = Street(tmp_path)
    home = Chain("home")
    for number in range(2):
        at_ms = MIDNIGHT_MS + number * QUARTER_MS
        street.take("home", home.quarter(at_ms, export_wh=1_000 * number))
    street.community.db.close()
    for name in ("bridge", "log", "steward"):
        keep(tmp_path / "keys", name)
    (tmp_path / "bridge.toml").write_text(
        f'community = "{ID}"\nbroker = "mqtt://127.0.0.1:1"\npage = "127.0.0.1:0"\n'
    )
    monkeypatch.chdir(tmp_path)
    return Hub.load(tmp_path / "bridge.toml")


def newest(hub: Hub) -> str:
    """The head that the hub would publish."""
    publishing = Publishing(hub, tuple)
    while publishing.publish():
        pass
    return str(hub.log_folder / "checkpoint")


def edited(hub: Hub) -> None:
    """One more leaf."""
    community = hub.open_to_write()
    batch = community.book.batch(MIDNIGHT_MS)
    batch.leaf("evidence", {"heads": []})
    batch.write()
    community.db.close()


def test_a_member_makes_a_proof_and_a_neighbour_checks_it(hub, capsys):
    proof(1)
    said = capsys.readouterr().out
    assert "booking-1.proof proves booking 1; it shows what was measured" in said
    assert f"meterkast verify --proof booking-1.proof --key {LOG}" in said
    assert 0 == verify(proof=Path("booking-1.proof"), key=LOG, config=Path("nowhere"))
    told = capsys.readouterr().out
    assert "  acc-noor  +0.333333 ENERGY" in told
    assert "in the log of straat" in told.splitlines()[-1]


def test_a_proof_goes_where_it_is_asked_to(hub, capsys):
    proof(1, out=Path("-"))
    text = capsys.readouterr().out
    assert text.startswith("meterkast proof v1\nLET OP")
    proof(1, out=Path("noor.proof"), json=True)
    assert {"file": "noor.proof", "booking": 1, "key": LOG} == json.loads(capsys.readouterr().out)
    assert text == Path("noor.proof").read_text()


def test_the_json_says_the_same(hub, capsys):
    proof(1)
    capsys.readouterr()
    verify(proof=Path("booking-1.proof"), key=LOG, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (True, "straat", 1) == (told["verified"], told["community"], told["booking"])


def test_a_changed_file_is_named_and_ends_with_1(hub, capsys):
    proof(1)
    path = Path("booking-1.proof")
    path.write_text(path.read_text().replace("0.333333", "3.333333", 1))
    capsys.readouterr()
    assert 1 == verify(proof=path, key=LOG)
    assert "differs: line 8 is not what the leaf says" in capsys.readouterr().out
    assert 1 == verify(proof=path, key=LOG, json=True)
    assert json.loads(capsys.readouterr().out)["verified"] is False


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("whose log is it", {"key": ""}),
        ("'abc' is no Ed25519 key", {"key": "abc"}),
    ],
    ids=["none", "noise"],
)
def test_a_proof_needs_the_key_of_a_log(hub, said, given):
    proof(1)
    with pytest.raises(UsageError, match=said):
        verify(proof=Path("booking-1.proof"), **given)


def test_a_file_that_is_not_there_or_too_large_is_named(hub):
    with pytest.raises(PeopleError, match="it cannot be read"):
        verify(proof=Path("nothing.proof"), key=LOG)
    Path("large").write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(PeopleError, match="1048577 bytes, at most 1048576"):
        verify(proof=Path("large"), key=LOG)
    Path("noise").write_bytes(b"\xff\xfe")
    with pytest.raises(PeopleError, match="it cannot be read"):
        verify(proof=Path("noise"), key=LOG)


def test_a_neighbour_who_kept_a_checkpoint_sees_that_the_log_only_grew(hub, capsys):
    kept = Path("kept")
    kept.write_bytes(Path(newest(hub)).read_bytes())
    edited(hub)
    proof(1, since=kept)
    assert 0 == verify(proof=Path("booking-1.proof"), key=LOG, checkpoint=kept)
    assert "since the checkpoint that was kept, the log only grew" in capsys.readouterr().out


def test_two_heads_of_one_size_raise_the_alarm(hub, capsys):
    """Invariant 23 (ledger)."""
    proof(1)
    size = int(Path(newest(hub)).read_text().split("\n")[1])
    other = note(Checkpoint("meterkast/straat", size, b"r" * 32), key=key("log"))
    Path("kept").write_text(other)
    capsys.readouterr()
    assert 1 == verify(proof=Path("booking-1.proof"), key=LOG, checkpoint=Path("kept"))
    assert f"ALARM:   two heads of {size} leaves" in capsys.readouterr().out
    with pytest.raises(PeopleError, match="the log was changed"):
        verify(checkpoint=Path("kept"))


def test_books_older_than_a_kept_checkpoint_are_named(hub):
    ahead = note(Checkpoint("meterkast/straat", 99, b"r" * 32), key=key("log"))
    Path("kept").write_text(ahead)
    with pytest.raises(PeopleError, match="it is over 99 leaves, and these books have 5"):
        verify(checkpoint=Path("kept"))


def test_an_auditor_verifies_the_books_with_a_key_of_their_own(hub, capsys):
    (Path("keys") / "log.key").unlink()
    kept = Path(newest(hub))
    assert 0 == verify(key=LOG, checkpoint=kept)
    assert 1 == verify(key=key("another").public.x)
    assert "the log's key is not one that founders or stewards named" in capsys.readouterr().out


# Keys and backups


def test_the_logs_key_is_changed_by_a_command_and_followed(hub, capsys):
    """The files show the way from the old key to the new one, and so does a proof."""
    rotate("log", config=hub.config)
    edited(hub)
    community = hub.open_to_write()
    in_use = community.registry.log
    assert in_use == hub.key("log").public.x != LOG
    handovers = community.registry.handovers
    community.db.close()
    assert 1 == len(list(Path("keys").glob("log.until-*")))
    proof(1)
    for known in (LOG, in_use):
        assert 0 == verify(proof=Path("booking-1.proof"), key=known)
        assert 0 == verify(key=known)
    Publishing(hub, lambda: handovers).publish()
    assert in_use in (hub.log_folder / "keys").read_text()


def test_a_restored_hub_begins_the_log_again_with_what_a_neighbour_kept(hub, capsys):
    ahead = note(Checkpoint("meterkast/straat", 99, b"r" * 32), key=key("log"))
    Path("kept").write_text(ahead)
    restored(checkpoint=Path("kept"), config=hub.config)
    assert "the log begins again as meterkast/straat/2" in capsys.readouterr().out
    assert 0 == verify()
    newest(hub)
    assert (hub.log_folder / "2" / "checkpoint").read_text().startswith("meterkast/straat/2\n")
    assert (hub.log_folder / "checkpoint").read_text().startswith("meterkast/straat\n")


def test_books_from_before_a_change_of_keys_go_on_with_the_key_after_it(hub, capsys):
    backup = hub.books.with_name("backup.db")
    community = hub.open_to_write()
    community.db.execute("VACUUM INTO ?", (str(backup),))
    community.db.close()
    rotate("log", config=hub.config)
    edited(hub)
    kept = Path(newest(hub))
    for path in hub.books.parent.glob("books.db-*"):
        path.unlink()
    backup.replace(hub.books)
    with pytest.raises(ConfigError, match="meterkast hub restored"):
        hub.open_to_write()
    restored(checkpoint=kept, config=hub.config)
    in_use = hub.key("log").public.x
    assert in_use != LOG
    edited(hub)
    assert 0 == verify(key=in_use)
    newest(hub)
    assert (hub.log_folder / "2" / "checkpoint").read_text().startswith("meterkast/straat/2\n3\n")


def test_a_lost_key_of_the_log_is_replaced(hub, capsys):
    (Path("keys") / "log.key").unlink()
    with pytest.raises(ConfigError, match="the key file does not exist"):
        hub.open_to_write()
    restored(new_key=True, config=hub.config, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["log_key"] == hub.key("log").public.x != LOG
    edited(hub)
    assert 0 == verify(key=told["log_key"])
    assert [] == list(Path("keys").glob("*.next"))


def test_a_replaced_key_that_was_cut_off_is_finished(hub, capsys, monkeypatch):
    (Path("keys") / "log.key").unlink()
    monkeypatch.setattr(Hub, "finish_rotation", stop)
    with pytest.raises(KeyboardInterrupt):
        restored(new_key=True, config=hub.config)
    monkeypatch.undo()
    monkeypatch.chdir(hub.config.parent)
    hub.open_to_write().db.close()
    assert hub.key("log").public.x != LOG
    assert 0 == verify(config=hub.config)


def stop(*_: object) -> bool:
    raise KeyboardInterrupt


def test_where_two_stewards_must_sign_the_paper_goes_round(hub, capsys):
    community = hub.open_to_write()
    keep(Path("others"), "s2")
    both = (key("steward").public.x, key("s2").public.x)
    paper = stewards.make(Term(ID, 1, both, 2), key=key("steward"))
    hand_in(community, StewardsNamed(paper.decode()))
    community.db.close()
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        restored(config=hub.config)
    sign(Path("restored.signed"), key=Path("others/s2.key"), config=hub.config)
    restored(paper=Path("restored.signed"), config=hub.config)
    assert "meterkast/straat/2" in capsys.readouterr().out
    assert 0 == verify()


def hand_in(community: Community, edit: Edit) -> None:
    document = papers.make(Edits(ID, MIDNIGHT_MS, (edit,)), key=key("steward"))
    community.hand_in_edits(document, {}, now_ms=MIDNIGHT_MS)


@pytest.mark.parametrize(
    ("said", "name", "text"),
    [
        ("not a signed note", "checkpoint", "noise"),
        (
            "no checkpoint that the log of straat signed",
            "checkpoint",
            note(Checkpoint("meterkast/straat", 99, b"r" * 32), key=key("another")),
        ),
        ("expected a line of JSON", "paper", "noise"),
    ],
    ids=["noise", "another log", "no paper"],
)
def test_what_is_no_reason_to_begin_again_changes_nothing(hub, said, name, text):
    Path("given").write_text(text)
    with pytest.raises(PeopleError, match=said):
        restored(**{name: Path("given")}, config=hub.config)
    assert 0 == verify()


# Publishing


def test_what_keeps_the_log_from_being_published_is_told_once(hub, capsys):
    checkpoint = Path(newest(hub))
    checkpoint.write_text(note(Checkpoint("meterkast/straat", 99, b"r" * 32), key=key("log")))
    publishing = Publishing(hub, tuple)
    assert [False, False] == [publishing.publish(), publishing.publish()]
    told = capsys.readouterr().out
    assert 1 == told.count("log_not_published")
    assert "99 leaves were published, and these books have" in told
    assert "hub restored --checkpoint" in told


def test_while_the_bridge_runs_the_log_follows_the_books(hub, monkeypatch):
    """Written when something is new; a full disk is told once and tried until there is room."""
    monkeypatch.setattr("ledger_bridge.publishing.PUBLISH_S", 0.001)
    checkpoint = hub.log_folder / "checkpoint"

    async def look() -> list[str]:
        version = [1]
        running = asyncio.create_task(Publishing(hub, tuple).run(lambda: version[0]))
        await until(checkpoint.exists)
        first = checkpoint.read_text()
        edited(hub)
        hub.log_folder.rename(hub.log_folder.with_name("aside"))
        hub.log_folder.write_text("in the way")
        version[0] += 1
        await asyncio.sleep(0.05)
        hub.log_folder.unlink()
        hub.log_folder.with_name("aside").rename(hub.log_folder)
        await until(lambda: checkpoint.read_text() != first)
        running.cancel()
        return [text.split("\n")[1] for text in (first, checkpoint.read_text())]

    assert ["5", "6"] == asyncio.run(look())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.002)


# What checking needs


BASE = """
import sys

ALLOWED = set({allowed!r})

class Blocker:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first in sys.stdlib_module_names or first in ALLOWED or first.startswith("_"):
            return None
        raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
{then}
"""

# What the distributions among the base dependencies are imported as, and what those need.
BASE_MODULES = (
    *("ledger_bridge", "gateway", "drivers"),
    *("aiomqtt", "paho", "cryptography", "cffi", "cyclopts", "attrs", "attr", "docstring_parser"),
    *("rich", "rich_rst", "pygments", "markdown_it", "mdurl", "docutils", "msgspec"),
    *("pydantic", "pydantic_core", "pydantic_settings", "annotated_types", "typing_extensions"),
    *("typing_inspection", "dotenv", "serial", "structlog", "tomlkit"),
)


def alone(then: str, *allowed: str) -> subprocess.CompletedProcess[str]:
    """Run Python that finds only these packages beside its own library."""
    script = BASE.format(allowed=allowed, then=then)
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(ledger_bridge.books.__file__).parents[2],
    )


def test_a_proof_is_checked_with_base_dependencies_alone(hub, tmp_path):
    """Without the books, without bridge.toml, and without what the bridge alone needs."""
    proof(1)
    path = tmp_path / "booking-1.proof"
    (tmp_path / "books.db").unlink()
    (tmp_path / "bridge.toml").unlink()
    run = f"sys.argv = ['meterkast', 'verify', '--proof', {str(path)!r}, '--key', {LOG!r}]"
    done = alone(f"{run}\nfrom gateway.cli import main\nmain()", *BASE_MODULES)
    assert 0 == done.returncode, done.stderr
    assert "in the log of straat" in done.stdout


def test_a_program_of_ones_own_needs_even_less_to_check_a_proof(hub, tmp_path):
    """`ledger_bridge.books.log.proof`, msgspec and cryptography."""
    proof(1)
    text = (tmp_path / "booking-1.proof").read_text()
    lines = (
        "from gateway.contract.keys import PublicKey",
        "from ledger_bridge.books.log.proof import check, read",
        f"print(check(read({text!r}), PublicKey({LOG!r})).booking)",
    )
    ours = ("ledger_bridge", "gateway", "drivers")
    done = alone("\n".join(lines), *ours, "msgspec", "cryptography", "cffi")
    assert "1\n" == done.stdout, done.stderr


def imported(path: Path) -> set[str]:
    """The first names of what a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_books_import_nothing_that_only_serves():
    """All files of the books, but for the xlsx that a treasurer asks for."""
    folder = Path(ledger_bridge.books.__file__).parent
    files = sorted(folder.rglob("*.py"))
    odd = {
        str(path.relative_to(folder)): sorted(more)
        for path in files
        if (more := imported(path) - {*sys.stdlib_module_names, *BASE_MODULES})
    }
    assert {"telling/export_xlsx.py": ["openpyxl"]} == odd
    assert len(files) > 100


def test_the_page_of_a_booking_gives_its_proof_along(hub):
    assert '<a href="/proof/1">proof</a>' in get(hub, "/why/1")
    text = get(hub, "/proof/1")
    assert 1 == check(read(text), key("log").public).booking
    assert "there is no such booking" in get(hub, "/proof/99")


def get(hub: Hub, path: str) -> str:
    """What the hub's page says there."""

    async def ask() -> str:
        transport = httpx.ASGITransport(app=build(hub, lambda: 0))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get(path)).text

    return asyncio.run(ask())
