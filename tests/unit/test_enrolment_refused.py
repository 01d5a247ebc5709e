"""Wrong turns between an invitation and an admitted gateway, at the hub and at the gateway."""

import io
import os
import shutil

import pytest

from gateway.contract import enrolment
from gateway.contract.errors import PeopleError, UsageError
from ledger_bridge.commands import certificate, hub, keys
from ledger_bridge.commands import enrolment as commands
from ledger_bridge.commands import gateways as gateways_
from ledger_bridge.commands.common import read_books
from tests.enrolling import OTHER_CODE, PLACE, SETTINGS, Way, refusal


@pytest.fixture
def way(tmp_path, monkeypatch, capsys) -> Way:
    # The words cost what they cost in another file; here they need not be dear.
    monkeypatch.setitem(enrolment._SCRYPT, "n", 2)
    return Way(tmp_path, monkeypatch, capsys)


# What goes wrong at the hub


def with_another_code(way):
    way.invite()
    return way.ask(OTHER_CODE), None


def with_words_of_another(way):
    way.ask(way.invite())
    return "bami bela newi kofa", None


def without_words(way):
    way.ask(way.invite())
    return "  ", None


def with_a_code_that_is_over(way):
    words = way.ask(way.invite(days=1))
    way._monkeypatch.setattr(commands, "_now_ms", lambda: 2**42)
    return words, None


def with_a_code_that_was_used(way):
    code = way.all_the_way()
    (way.house.parent / "gateway.key").unlink()
    way.house.write_text(SETTINGS)
    return way.ask(code), None


def with_a_code_before_the_last(way):
    code = way.invite()
    way.invite()
    return way.ask(code), None


def of_another_gateway(way):
    code = way.invite("home-bram")
    return way.ask(code, "zonstraat/home-bram"), None


def of_another_community(way):
    return way.ask(way.invite(), "maanstraat/home-noor"), None


def of_nothing(way):
    way.invite()
    letter = way.folder / "letter"
    letter.write_text("a letter\n")
    return "bami bela newi kofa", letter


def that_is_not_there(way):
    way.invite()
    return "bami bela newi kofa", way.folder / "none"


@pytest.mark.parametrize(
    ("what", "case"),
    [
        ("no invitation that is open has this code", with_another_code),
        ("this request has other words: it is not the one that this gateway shows",
         with_words_of_another),
        ("this request has other words: it is not the one that this gateway shows", without_words),
        ("the time of this code is over", with_a_code_that_is_over),
        ("this code was used before, by another request", with_a_code_that_was_used),
        ("no invitation that is open has this code", with_a_code_before_the_last),
        ("this is a request of home-bram", of_another_gateway),
        ("a request to maanstraat, and this is zonstraat", of_another_community),
        ("this is no request of a gateway: expected the three lines of a request", of_nothing),
        ("the request cannot be read: No such file or directory", that_is_not_there),
    ],
)  # fmt: skip
def test_a_request_that_nobody_admits_is_told_and_changes_nothing(way, what, case):
    words, request = case(way)
    before, keys = way.state(), way.keys()
    with pytest.raises(PeopleError) as refused:
        way.admit(words, request)
    assert what == refusal(refused)
    assert (before, keys) == (way.state(), way.keys())


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("'Noor' is no id of a gateway", {"gateway": "Noor"}),
        ("'../ca' is no id of a gateway", {"gateway": "../ca"}),
        ("a code for 0 days", {"days": 0}),
        ("a code for 32 days", {"days": 32}),
    ],
)
def test_what_nobody_can_be_invited_to_is_told(way, what, given):
    with pytest.raises(UsageError) as refused:
        way.invite(**given)
    assert what == refusal(refused)


def test_a_steward_who_gives_no_words_is_asked_for_them_or_told(way):
    code = way.invite()
    words = way.ask(code)
    way._monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError) as refused:
        way.admit("")
    assert "nobody says which words the gateway shows" == refusal(refused)
    terminal = io.StringIO(f"{words}\n")
    terminal.isatty = lambda: True
    way._monkeypatch.setattr("sys.stdin", terminal)
    way.admit("")
    assert {"home-noor"} == set(way.keys())


@pytest.mark.parametrize(
    ("file", "what"),
    [("tls/ca.key", "the community's CA cannot be used"), ("card.key", "no card key")],
)
def test_a_hub_that_lacks_a_key_admits_nobody(way, file, what):
    words = way.ask(way.invite(point=True))
    (way.hub.parent / file).unlink()
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert refusal(refused).startswith(what)
    assert {} == way.keys()


def test_a_revoked_gateway_is_shown_as_such_and_nobody_waits_for_it(way):
    way.all_the_way()
    keys.revoke("home-noor", config=way.hub, json=True)
    way.said()
    assert 0 == gateways_.gateways(config=way.hub)
    assert "revoked: it counts for nothing" in way.said()


def test_a_gateway_is_revoked_although_the_ca_is_gone_and_that_is_told(way):
    way.all_the_way()
    (way.hub.parent / "tls" / "ca.key").unlink()
    with pytest.raises(PeopleError) as refused:
        keys.revoke("home-noor", config=way.hub)
    assert refusal(refused).startswith("home-noor is revoked, and still let in by the broker: ")
    assert read_books(way.hub).registry.is_barred("home-noor")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(
    ("owner", "name", "try_"),
    [
        ("nobody", "nobody", "sudo -u 'nobody' meterkast "),
        (54_321, "#54321", "sudo -u '#54321' meterkast "),
    ],
)
def test_root_leaves_nothing_in_a_folder_whose_owner_could_not_read_it(way, owner, name, try_):
    for folder in (way.hub.parent, way.house.parent):
        shutil.chown(folder, owner)
    before = way.state()
    for deed in (
        way.invite,
        lambda: way.ask(OTHER_CODE),
        lambda: way.admit("bami bela newi kofa"),
        lambda: certificate.certificate(broker="127.0.0.1", config=way.hub),
        lambda: keys.rotate("bridge", config=way.hub),
        lambda: hub.init(way.hub.parent, community="zonstraat"),
    ):
        with pytest.raises(UsageError) as refused:
            deed()
        said = f"this folder is {name}'s, who could not read what root writes there"
        assert said == refusal(refused)
        assert refused.value.problems[0].try_.startswith(try_)
    assert before == way.state()


# What goes wrong at the gateway


def with_an_answer_to_another_request(way):
    answer = way.admit(way.ask(way.invite()))
    code = way.invite()
    way.ask(code)
    return code, {"answer": answer}


def with_another_code_than_before(way):
    return OTHER_CODE, {"answer": way.admit(way.ask(way.invite()))}


def with_an_answer_and_no_request(way):
    code = way.invite()
    answer = way.admit(way.ask(code))
    shutil.rmtree(way.request.parent)
    return code, {"answer": answer}


def without_the_answer(way):
    return way.invite(), {"answer": way.folder / "none"}


def with_a_code_that_is_none(way):
    return "1234", {}


def in_a_house_of_another_community(way):
    code = way.all_the_way()
    return code, {"place": "maanstraat/home-noor"}


def in_a_house_of_another_name(way):
    way.all_the_way()
    return way.invite("home-bram"), {"place": "zonstraat/home-bram"}


def at_no_place(way):
    return way.invite(), {"place": "home-noor"}


def with_a_hub_that_is_none(way):
    return way.invite(), {"hub": "hub.example.nl"}


def with_two_ways_at_once(way):
    return way.invite(), {"hub": "https://hub.example.nl", "answer": way.folder / "none"}


@pytest.mark.parametrize(
    ("what", "case"),
    [
        ("it is no answer to this request", with_an_answer_to_another_request),
        ("no request waits here that was made with this code", with_another_code_than_before),
        ("no request waits here that was made with this code", with_an_answer_and_no_request),
        ("the answer cannot be read: No such file or directory", without_the_answer),
        ("a code has 16 letters and digits", with_a_code_that_is_none),
        ("this gateway is of zonstraat", in_a_house_of_another_community),
        ("this gateway is home-noor, and has records by that name", in_a_house_of_another_name),
        ("'home-noor' is not where a gateway can be", at_no_place),
        ("'hub.example.nl' is no address of a hub", with_a_hub_that_is_none),
        ("two things at once", with_two_ways_at_once),
    ],
)
def test_a_gateway_that_does_not_get_in_is_told_and_its_settings_stay(way, what, case):
    code, given = case(way)
    before = way.house.read_bytes()
    files = {path.name for path in way.house.parent.iterdir()}
    with pytest.raises(PeopleError) as refused:
        way.ask(code, **{"place": PLACE, **given})
    assert what == refusal(refused)
    assert before == way.house.read_bytes()
    assert files | {"enrolment", "gateway.key"} == {"enrolment", "gateway.key"} | {
        path.name for path in way.house.parent.iterdir()
    }
