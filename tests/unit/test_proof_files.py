"""Proof files: what they say, to whom they prove it, and that nothing in them can be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.errors import PeopleError
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.acts.requests import Transfer
from ledger_bridge.books.log import proof as proofs
from ledger_bridge.books.log.note import Checkpoint, note
from ledger_bridge.books.log.proof import Forked, check, read, render
from ledger_bridge.books.log.proving import known, prove
from tests.street import ID, MIDNIGHT_MS, QUARTER_MS, Chain, Street, key

LOG = key("log").public


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Noor gave back 3 kWh in three quarter-hours, settled one by one, and gave bram a little."""
    made = Street(tmp_path_factory.mktemp("street"))
    home = Chain("home")
    made.open_accounts()
    for number, export_wh in enumerate((0, 1_000, 2_000, 3_000)):
        made.take("home", home.quarter(MIDNIGHT_MS + number * QUARTER_MS, export_wh=export_wh))
    made.act(Transfer("noor", "bram", "ENERGY", 100_000), "cake")
    return made


def file_of(street: Street, booking: int, since: str = "") -> str:
    return render(prove(street.community.db, street.community.registry, booking, since=since))


def head_of(street: Street, booking: int) -> str:
    """The head of the commit in which a booking came."""
    (text,) = street.community.db.execute(
        "SELECT note FROM checkpoint JOIN booking ON leaf < size WHERE seq = ? ORDER BY size",
        (booking,),
    ).fetchone()
    return text


def test_a_credit_is_told_in_words_and_proven(street):
    """1 kWh at 1/3 credit: 0.333333, by the counts of 0 and 1,000 Wh."""
    shown = check(read(file_of(street, 1)), LOG)
    assert (
        "booking 1, entitlement, booked 2026-06-21 10:00:00 UTC",
        "  acc-noor  +0.333333 ENERGY",
        "  pot  -0.333333 ENERGY",
        "by rule sun for noor, 2026-06-21: due 0.333333, before 0.000000",
        "measured, in thousandths of a Wh, gram, litre, joule, piece, minute or time:",
        "  1-0:2.8.1: 1000000",
    ) == shown.words
    assert (ID, 1, "entitlement") == (shown.community, shown.booking, shown.kind)


def test_an_act_is_proven_with_what_was_asked(street):
    shown = check(read(file_of(street, 4)), LOG)
    assert "booking 4, transfer, booked 2026-06-21 10:00:00 UTC" == shown.words[0]
    assert {"  acc-noor  -0.100000 ENERGY", "  acc-bram  +0.100000 ENERGY"} == set(shown.words[1:])


def test_it_says_on_top_in_both_languages_what_it_shows(street):
    top = file_of(street, 1).split("\n\n")[0]
    assert "LET OP: dit bestand toont wie wat kreeg" in top
    assert "NOTE: this file shows who got what and how much was measured" in top


def test_its_last_part_is_a_c2sp_proof_as_it_is(street):
    """First line, index, hashes, an empty line, the head; no extra data."""
    text = file_of(street, 1)
    lines = text[text.index("c2sp.org/tlog-proof@v1") :].split("\n")
    gap = lines.index("")
    assert "index " == lines[1][:6]
    assert {44} == {len(one) for one in lines[2:gap]}
    assert "meterkast/straat" == lines[gap + 1]
    assert lines[gap + 5].startswith("— meterkast/straat ")
    assert "" == lines[-1]


def test_every_booking_is_proven_under_the_newest_head(street):
    """Invariant 24 (ledger)."""
    db = street.community.db
    bookings = [seq for (seq,) in db.execute("SELECT seq FROM booking ORDER BY seq")]
    assert [1, 2, 3, 4] == bookings
    newest = db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
    for seq in bookings:
        shown = check(read(file_of(street, seq)), LOG)
        assert (seq, newest) == (shown.booking, shown.size)


@pytest.fixture(scope="module")
def long_proof(street):
    """With all that a file may have, but handovers."""
    return file_of(street, 2, since=head_of(street, 1))


@given(data=st.data())
def test_one_changed_byte_is_refused_wherever_it_is(long_proof, data):
    whole = long_proof.encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    bits = data.draw(st.integers(1, 255))
    odd = whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :]
    with pytest.raises((Malformed, UnicodeDecodeError)):
        check(read(odd.decode()), LOG)


def test_the_lowest_bit_of_no_byte_at_all_may_differ(long_proof):
    """Every byte, one by one: digits become other digits, letters other letters."""
    whole = long_proof.encode()
    accepted = [at for at in range(len(whole)) if is_accepted(whole, at)]
    assert [] == accepted


def is_accepted(whole: bytes, at: int) -> bool:
    odd = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    try:
        check(read(odd.decode()), LOG)
    except (Malformed, UnicodeDecodeError):
        return False
    return True


@given(data=st.data())
def test_a_piece_cut_out_or_put_in_twice_is_refused(long_proof, data):
    start = data.draw(st.integers(0, len(long_proof) - 1))
    stop = data.draw(st.integers(start + 1, len(long_proof)))
    for odd in (
        long_proof[:start] + long_proof[stop:],
        long_proof[:stop] + long_proof[start:stop] + long_proof[stop:],
    ):
        with pytest.raises(Malformed):
            check(read(odd), LOG)


@given(text=st.text(max_size=300))
def test_any_other_text_is_refused(text):
    for odd in (text, f"meterkast proof v1\n{text}", f"meterkast proof v1\n\nleaf {text}"):
        with pytest.raises(Malformed):
            read(odd)


@pytest.mark.parametrize(
    ("said", "spoil"),
    [
        ("line 8 is not what the leaf says", ("+0.333333", "+9.333333")),
        ("line 12 is not what the leaf says", ("1000000", "9000000")),
        ("the leaf is not in the log at this place", ('"due":333333', '"due":333333 ')),
        ("the policy in the file is not the one that the leaf names", ("per day", "a day")),
        ("line 2 is not what the leaf says", ("LET OP", "let op")),
        ("the file is cut off", ("c2sp.org", "c3sp.org")),
        ("not a proof file", ("meterkast proof v1", "meterkast proof v2")),
        ("characters, at most 1048576", ("LET OP", "LET OP" * 200_000)),
    ],
    ids=["word", "measured", "body", "policy", "warning", "cut", "version", "long"],
)
def test_what_was_changed_is_named(street, said, spoil):
    with pytest.raises(Malformed, match=said):
        check(read(file_of(street, 1).replace(*spoil, 1)), LOG)


def test_another_logs_key_proves_nothing(street):
    with pytest.raises(Malformed, match="not signed by the log's key"):
        check(read(file_of(street, 1)), key("another").public)


def test_a_head_of_another_log_by_the_same_key_proves_nothing(street):
    made = prove(street.community.db, street.community.registry, 1)
    other = note(Checkpoint("meterkast/dorp", read_size(made.note), b"r" * 32), key=key("log"))
    with pytest.raises(Malformed, match="the leaf is not in the log at this place"):
        check(made._replace(note=other), LOG)


def test_a_head_that_a_neighbour_kept_is_shown_to_have_grown(street):
    """Invariant 8 (DESIGN)."""
    kept = head_of(street, 1)
    shown = check(read(file_of(street, 4, since=kept)), LOG, held=kept)
    assert 4 == shown.booking


def test_the_newest_head_itself_may_be_the_one_that_was_kept(street):
    kept = head_of(street, 4)
    assert 4 == check(read(file_of(street, 4)), LOG, held=kept).booking
    assert 4 == check(read(file_of(street, 4, since=kept)), LOG, held=kept).booking


def test_two_heads_of_one_size_with_other_roots_are_an_alarm(street):
    """Invariant 23 (ledger): whoever signed both has said two things."""
    text = file_of(street, 1)
    size = check(read(text), LOG).size
    kept = note(Checkpoint("meterkast/straat", size, b"r" * 32), key=key("log"))
    with pytest.raises(Forked, match=f"two heads of {size} leaves with different roots"):
        check(read(text), LOG, held=kept)
    with pytest.raises(PeopleError, match="the log was changed") as found:
        known(street.community.db, street.community.registry, kept)
    assert kept in found.value.problems[0].where
    assert head_of(street, 4) in found.value.problems[0].where


def test_an_older_head_that_the_log_never_had_is_an_alarm(street):
    kept = head_of(street, 1)
    size = read_size(kept)
    other = note(Checkpoint("meterkast/straat", size, b"r" * 32), key=key("log"))
    with pytest.raises(Forked, match=f"another head of {size} leaves"):
        check(read(file_of(street, 4, since=kept)), LOG, held=other)


def read_size(text: str) -> int:
    return int(text.split("\n")[1])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("does not show how the log grew from 3 leaves", ("meterkast/straat", 3, "log")),
        ("is of meterkast/dorp", ("meterkast/dorp", 3, "log")),
        ("is not signed by this log", ("meterkast/straat", 3, "another")),
    ],
    ids=["no way between", "another log", "another key"],
)
def test_a_kept_head_that_does_not_fit_is_refused(street, said, kept):
    name, size, signer = kept
    held = note(Checkpoint(name, size, b"r" * 32), key=key(signer))
    with pytest.raises(Malformed, match=said):
        check(read(file_of(street, 1)), LOG, held=held)


def test_growing_that_leads_elsewhere_is_refused(street):
    made = prove(street.community.db, street.community.registry, 2, since=head_of(street, 1))
    odd = made.since._replace(path=(*made.since.path[:-1], b"x" * 32))
    with pytest.raises(Malformed, match="did not only grow"):
        check(made._replace(since=odd), LOG)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no head that the log of straat signed", ("meterkast/straat", 3, "another")),
        ("which is no log of 'straat'", ("meterkast/dorp", 3, "log")),
        ("these books have forgotten", ("meterkast/straat/2", 3, "log")),
        ("these books have .* leaves: they are older", ("meterkast/straat", 999, "log")),
    ],
    ids=["another key", "another log", "forgotten", "newer"],
)
def test_no_file_is_made_since_a_head_that_is_not_ours(street, said, kept):
    name, size, signer = kept
    held = note(Checkpoint(name, size, b"r" * 32), key=key(signer))
    with pytest.raises(PeopleError, match=said):
        prove(street.community.db, street.community.registry, 1, since=held)


def test_a_booking_that_is_not_there_is_named(street):
    with pytest.raises(PeopleError, match="there is no such booking"):
        prove(street.community.db, street.community.registry, 99)


def test_a_spoilt_checkpoint_is_no_reason_for_a_file(street):
    with pytest.raises(PeopleError, match="not a signed note"):
        prove(street.community.db, street.community.registry, 1, since="spoilt")


def test_words_cannot_pretend_to_be_the_leaf(street):
    """Who may name a period or an asset could try to write lines of their own."""
    made = prove(street.community.db, street.community.registry, 1)
    body = made.body.replace(b"acc-noor", b"a\\n\\nleaf act\\nsalt AAAA")
    text = render(made._replace(body=body))
    assert 1 == text.count("\nleaf ")
    with pytest.raises(Malformed, match="not in the log at this place"):
        check(read(text), LOG)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind":"x","booking":1,"booked_ms":9000000000000000000,"postings":[]}',
        b'{"kind":"x","booking":1,"booked_ms":0,"postings":[],"odd":' + b"[" * 99_999,
    ],
    ids=["nothing", "list", "empty", "time", "deep"],
)
def test_a_leaf_of_no_booking_is_refused(street, body):
    made = prove(street.community.db, street.community.registry, 1)
    with pytest.raises(Malformed, match="the leaf is of no booking"):
        proofs.words(made._replace(body=body))


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "assets = 1",
        "assets.A = 1",
        "assets.A.scale = 1000000000",
        "assets.A.scale = -1",
        "assets.A.scale = 'x'",
        "assets = " + "[" * 9_999,
    ],
    ids=["none", "no table", "no asset", "places", "negative", "text", "deep"],
)
def test_a_policy_that_is_none_is_refused(street, toml):
    made = prove(street.community.db, street.community.registry, 1)
    policy = to_json({"community": ID, "toml": toml}).decode()
    with pytest.raises(Malformed, match="the leaf is of no booking"):
        proofs.words(made._replace(policy=policy))


def test_what_is_printed_does_nothing_to_a_terminal(street):
    made = prove(street.community.db, street.community.registry, 1)
    body = made.body.replace(b"acc-noor", b"\\u001b[2Jnoor\\r\\n\\u2028")
    assert all(line.isprintable() for line in proofs.words(made._replace(body=body)))
