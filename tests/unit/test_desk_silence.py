"""A desk that does not answer: whoever asked is told how to ask so that it is done once."""

import socket
import threading

import pytest

from gateway.cli import build
from gateway.contract.errors import PeopleError
from ledger_bridge import desk
from ledger_bridge.hub import Hub
from tests.market import POLICY
from tests.street import ID

TRANSFER = ("ledger", "transfer", "noor", "bram", "5", "ENERGY")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A new hub with a policy."""
    build()(("hub", "init", str(tmp_path / "hub"), "--community", ID))
    monkeypatch.chdir(tmp_path / "hub")
    (tmp_path / "hub" / "policy.toml").write_text(POLICY)
    build()(("policy", "activate", "policy.toml"))
    return Hub.load(tmp_path / "hub" / "bridge.toml")


@pytest.fixture
def silent(hub, monkeypatch):
    """Its desk, at which somebody listens and says nothing for longer than anybody waits."""
    monkeypatch.setattr(desk, "ANSWER_S_MAX", 0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(hub.socket))
        server.listen()
        yield server


def test_who_is_not_answered_is_told_the_key_under_which_it_is_done_once(silent, monkeypatch):
    """Without it the same command once more would be another transfer."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123")
    with pytest.raises(PeopleError) as found:
        build()(TRANSFER)
    (problem,) = found.value.problems
    assert "the bridge has not answered within 0 s, and may do it still" == problem.what
    assert "the same command with --key 0123" == problem.try_


def hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_bridge_that_ends_before_it_answers_is_told_as_that(silent):
    thread = threading.Thread(target=hang_up, args=(silent,), daemon=True)
    thread.start()
    with pytest.raises(PeopleError) as found:
        build()((*TRANSFER, "--key", "my gift"))
    thread.join()
    (problem,) = found.value.problems
    assert "the bridge went away before it answered" == problem.what
    assert "the same command with --key 'my gift'" == problem.try_
