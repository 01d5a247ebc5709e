"""Each step of an enrolment is cut off at each touch of the disk, and given once more."""

import shutil
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography import x509

from gateway.config import load
from gateway.contract import enrolment, tls
from gateway.contract.errors import PeopleError
from gateway.contract.keys import SigningKey
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import keys
from ledger_bridge.commands.common import read_books
from tests.cuts import cut_at
from tests.enrolling import Way


@pytest.fixture
def way(tmp_path, monkeypatch, capsys) -> Way:
    monkeypatch.setitem(enrolment._SCRYPT, "n", 2)  # the words need not be dear here
    return Way(tmp_path / "way", monkeypatch, capsys)


def cuts(way: Way, deed: Callable[[], object], again: Callable[[], None]) -> int:
    """Do something again after each cut, with all else as it was before; gives how many."""
    before = way.folder.with_name("before")
    shutil.copytree(way.folder, before)
    number = 0
    while cut_at(number + 1, deed):
        number += 1
        again()
        way.said()
        shutil.rmtree(way.folder)
        shutil.copytree(before, way.folder)
    return number


def must_be_in(way: Way) -> None:
    """The gateway has what it needs, and the hub knows it."""
    config, hub = load(way.house), way.hub.parent
    assert config.broker_tls
    assert [] == list(tls.flaws(config.broker_tls))
    own = x509.load_pem_x509_certificate((way.house.parent / "tls.pem").read_bytes())
    assert Authority(hub / "tls").is_good(own, "home-noor")
    key = SigningKey.load(way.house.parent / "gateway.key").public.x
    assert {"home-noor": key} == way.keys()


def test_wherever_asking_is_cut_off_it_goes_on_when_it_is_given_again(way):
    code = way.invite()

    def again() -> None:
        way.ask(code, answer=way.admit(way.ask(code)))
        must_be_in(way)

    assert 19 == cuts(way, lambda: way.ask(code), again)


def test_wherever_admitting_is_cut_off_it_goes_on_when_it_is_given_again(way):
    code = way.invite()
    words = way.ask(code)
    founded = way.edits()

    def again() -> None:
        way.ask(code, answer=way.admit(words))
        must_be_in(way)
        assert founded + 1 == way.edits()

    assert 15 == cuts(way, lambda: way.admit(words), again)


def test_wherever_settling_is_cut_off_it_goes_on_or_was_done(way):
    code = way.invite()
    answer = way.admit(way.ask(code))

    def again() -> None:
        with suppress(PeopleError):  # the last of them cut off no more than the tidying up
            way.ask(code, answer=answer)
        must_be_in(way)

    assert 18 == cuts(way, lambda: way.ask(code, answer=answer), again)


def test_wherever_revoking_is_cut_off_it_is_revoked_when_it_is_given_again(way):
    way.all_the_way()
    way.invite()
    own = x509.load_pem_x509_certificate((way.house.parent / "tls.pem").read_bytes())

    def again() -> None:
        keys.revoke("home-noor", config=way.hub, json=True)
        assert read_books(way.hub).registry.is_barred("home-noor")
        assert not Authority(way.hub.parent / "tls").is_good(own, "home-noor")
        assert [] == list((way.hub.parent / "enrolment").iterdir())

    assert 11 == cuts(way, lambda: keys.revoke("home-noor", config=way.hub, json=True), again)
