"""A look that was interrupted, or made before, goes on where it was and believes nothing else."""

import hashlib
import json
import sqlite3

import pytest

from gateway.contract.errors import PeopleError
from gateway.contract.keys import PublicKey
from ledger_bridge.books import store
from ledger_bridge.books.verify.look import Differs, Step
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, QUARTER_MS, Chain, Street, key

CHAIN = "home/evidence-000000000001"


@pytest.fixture
def books(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    for n in range(5):
        street.take("home", home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=n * 100))
    street.community.db.close()
    return street.path


@pytest.fixture
def checked(monkeypatch):
    """How many signatures were checked."""
    count = []
    accepts = PublicKey.accepts

    def counted(self, signature, data):
        count.append(data)
        return accepts(self, signature, data)

    monkeypatch.setattr(PublicKey, "accepts", counted)
    return count


def look(path, file, progress=str):
    seen = Seen(ID, file)
    return verify(
        store.open_to_read(path), ID, log_key=key("log").public, progress=progress, seen=seen
    )


def test_what_was_seen_once_costs_no_signature_again(books, tmp_path, checked):
    file = tmp_path / "seen.json"
    look(books, file)
    first = len(checked)
    checked.clear()
    found = look(books, file)
    assert 5 == found.records
    assert 5 == first - len(checked)
    assert 5 == json.loads(file.read_bytes())["chains"][CHAIN][0]


def test_a_look_that_was_interrupted_has_kept_how_far_it_was(books, tmp_path):
    file = tmp_path / "seen.json"

    def stop(step: Step) -> None:
        if step.name == "waste":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(books, file, stop)
    assert 5 == json.loads(file.read_bytes())["chains"][CHAIN][0]


def test_a_record_that_was_exchanged_since_is_named(books, tmp_path):
    """Other records under the same numbers, signed by the gateway and linked."""
    file = tmp_path / "seen.json"
    look(books, file)
    home = Chain("home")
    data = [home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=n * 99) for n in range(5)]
    tool = sqlite3.connect(books)
    tool.execute("DROP TRIGGER record_stays")
    for seq, one in enumerate(data, start=1):
        digest = hashlib.sha256(one).hexdigest()
        row = (one, digest, seq)
        tool.execute("UPDATE record SET data = ?, digest = ? WHERE seq = ?", row)
    tool.commit()
    with pytest.raises(Differs, match="it is another than was seen before"):
        look(books, file)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "it does not say what was verified"),
        ('{"community": "elsewhere"}', "it is about elsewhere"),
    ],
    ids=["no JSON", "of another community"],
)
def test_a_file_that_is_not_one_of_these_is_refused(books, tmp_path, text, what):
    file = tmp_path / "seen.json"
    file.write_text(text)
    with pytest.raises(PeopleError, match=what):
        look(books, file)
