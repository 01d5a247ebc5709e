"""Commands used wrongly, and a hub with something wrong in it: three lines, never a traceback."""

import socket
import subprocess
import sys

import pytest

from gateway.cli import build
from gateway.contract.errors import ConfigError, PeopleError, Unreachable, UsageError
from gateway.contract.keys import SigningKey

DAY = "2026-06-21"


@pytest.fixture
def hub(tmp_path, capsys):
    run("hub", "init", str(tmp_path / "hub"), "--community", "straat", "--page", "127.0.0.1:0")
    config = tmp_path / "hub" / "bridge.toml"
    run("member", "add", "noor", "--config", str(config))
    run("hub", "admit", f"home={SigningKey(b'h' * 32).public.x}", "--config", str(config))
    run("policy", "activate", str(tmp_path / "hub" / "policy.toml"), "--config", str(config))
    capsys.readouterr()
    return config


def run(*words):
    return build()(words)


def mend(config, old, new):
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new), "utf-8")


WRONG_USE = {
    "a booking beyond all numbers": (PeopleError, "ledger", "why", "9" * 20),
    "the last day of the calendar": (
        UsageError,
        *("ledger", "statement", "--member", "noor", "--period", "9999-12-31"),
    ),
    "closing a day before meters": (UsageError, "ledger", "close", "0001-01-01"),
    "a fit from the last day": (
        UsageError,
        *("device", "fit", "home/hall", "--member", "noor", "--from", "9999-12-31"),
    ),
    "a connection below zero": (
        PeopleError,
        *("device", "fit", "home/hall", "--member", "noor", "--rated-w", "-5"),
    ),
    "an amount beyond all numbers": (
        PeopleError,
        *("ledger", "transfer", "noor", "noor", "1e99999999", "ENERGY"),
    ),
    "a key with a sign too many": (
        PeopleError,
        *("hub", "admit", f"shed={SigningKey(b's' * 32).public.x}="),
    ),
}


@pytest.mark.parametrize(
    ("error", "words"), [(e, w) for e, *w in WRONG_USE.values()], ids=WRONG_USE
)
def test_wrong_use_is_told(hub, error, words):
    with pytest.raises(error):
        run(*words, "--config", str(hub))


def test_a_list_of_members_that_is_no_text(hub, tmp_path):
    file = tmp_path / "members.csv"
    file.write_bytes(b"member\n\xff\xfe\n")
    with pytest.raises(ConfigError, match="not a CSV file in UTF-8"):
        run("member", "import", str(file), "--config", str(hub))


MISTAKES = {
    "a page that is no address": ('page = "127.0.0.1:0"', 'page = "here"', ConfigError),
    "a port that there is not": ('"127.0.0.1:0"', '"127.0.0.1:70000"', ConfigError),
    "another community": ('community = "straat"', 'community = "laan"', ConfigError),
    "another log key": ("keys/log.key", "keys/bridge.key", ConfigError),
    "another bridge key": ("keys/bridge.key", "keys/log.key", ConfigError),
    "a key that is a folder": ("keys/bridge.key", "keys", ConfigError),
    "books where no books can be": ("books.db", "/proc/nowhere/books.db", PeopleError),
    "books that are something else": ("books.db", "policy.toml", PeopleError),
}


@pytest.mark.parametrize(("old", "new", "error"), MISTAKES.values(), ids=MISTAKES)
def test_a_bridge_that_cannot_work_says_why(hub, old, new, error):
    mend(hub, old, new)
    with pytest.raises(error):
        run("bridge", "--config", str(hub))


def test_a_page_that_is_taken_is_told_and_nothing_goes_on(hub):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        mend(hub, "127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unreachable, match="the page cannot listen"):
            run("bridge", "--config", str(hub))


def test_an_empty_file_is_no_books(hub):
    (hub.parent / "empty.db").touch()
    mend(hub, "books.db", "empty.db")
    for words in (["verify"], ["ledger", "balance"]):
        with pytest.raises(PeopleError, match="there are no books"):
            run(*words, "--config", str(hub))


@pytest.mark.parametrize("odd", [["--page", "here"], ["--broker", 'x"y'], ["--broker", "http://x"]])
def test_a_hub_that_could_not_start_is_not_founded(tmp_path, odd):
    with pytest.raises(ConfigError):
        run("hub", "init", str(tmp_path / "hub"), "--community", "straat", *odd)
    assert not (tmp_path / "hub").exists()


def test_a_hub_is_not_founded_over_other_keys(tmp_path):
    SigningKey.create(tmp_path / "keys" / "log.key")
    with pytest.raises(UsageError, match="no hub can be made here"):
        run("hub", "init", str(tmp_path), "--community", "straat")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nonsense", "error: there is no command 'nonsense'"),
        ("ledger why x", 'error: Invalid value for BOOKING: unable to convert "x" into int.'),
        ("ledger statement", 'error: Command "ledger statement" parameter --member requires'),
        ("demo --sed 4", "error: Unknown option: --sed. Did you mean --seed?"),
    ],
)
def test_wrong_use_is_told_in_three_lines(words, expected):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    what, where, try_ = done.stderr.splitlines()
    assert what.startswith(expected)
    assert f"where: meterkast {words}" == where
    assert try_.startswith("try:   meterkast ")
    assert 2 == done.returncode
