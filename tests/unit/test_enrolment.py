"""From an invitation to an admitted gateway, and back; and what is cut off or full on the way."""

import io
import json
import re
import shutil
import stat
import sys

import pytest
import segno
from cryptography import x509

from gateway.config import load
from gateway.contract import enrolment, tls
from gateway.contract.errors import PeopleError, UsageError
from gateway.contract.keys import SigningKey
from gateway.tools import blocks
from ledger_bridge import invitations
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import enrolment as commands
from ledger_bridge.commands import keys
from ledger_bridge.commands.common import read_books
from ledger_bridge.hub import Hub
from ledger_bridge.invitations import Invitations
from tests.enrolling import OTHER_CODE, SETTINGS, Way, refusal


@pytest.fixture
def way(tmp_path, monkeypatch, capsys) -> Way:
    # The words cost what they cost in another file; here they need not be dear.
    monkeypatch.setitem(enrolment._SCRYPT, "n", 2)
    return Way(tmp_path, monkeypatch, capsys)


def test_a_gateway_that_was_invited_has_all_it_needs_and_its_settings_are_as_they_were(way):
    way.all_the_way()
    config = load(way.house)
    files, base = config.broker_tls, way.house.parent
    assert files is not None
    assert ("zonstraat", "home-noor") == (config.community, config.gateway)
    assert "mqtts://127.0.0.1:8883" == config.broker
    assert read_books(way.hub).registry.bridge == config.bridge_key
    assert SigningKey.load(base / "gateway.key").public.x == way.keys()["home-noor"]
    assert (base / "ca.crt", base / "tls.pem") == (files.ca, files.certificate)
    assert files.certificate == files.key
    assert [] == list(tls.flaws(files))
    assert {0o600} == {
        stat.S_IMODE((base / name).stat().st_mode) for name in ("tls.pem", "gateway.key")
    }
    own = x509.load_pem_x509_certificate((base / "tls.pem").read_bytes())
    assert Authority(way.hub.parent / "tls").is_good(own, "home-noor")
    text = way.house.read_text()
    assert text.startswith('# Our house.\ngateway = "home-noor"  # as discover called it\n')
    assert text.endswith(SETTINGS[SETTINGS.index("[device") :])
    assert ["ca.crt", "gateway.key", "gateway.toml", "tls.pem"] == sorted(
        p.name for p in base.iterdir()
    )


def test_what_the_steward_passes_on_is_typed_as_it_stands_where_the_package_is(way):
    commands.invite("home-noor", config=way.hub)
    line, *_ = way.said().splitlines()
    assert (
        "on the gateway:  "
        "sudo meterkast-gateway enrol zonstraat/home-noor --hub https://hub.example.nl" == line
    )


def test_no_secret_of_the_gateway_is_at_the_hub_and_none_of_the_hub_at_the_gateway(way):
    way.all_the_way()
    at_hub = "".join(
        p.read_bytes().decode("latin1") for p in way.hub.parent.rglob("*") if p.is_file()
    )
    house = way.house.parent
    own = json.loads((house / "gateway.key").read_text())["d"]
    pem = re.findall(r"[\w+/=]{60,}", (house / "tls.pem").read_text())[0]
    assert (False, False) == (own in at_hub, pem in at_hub)
    at_house = "".join(p.read_text() for p in house.rglob("*") if p.is_file())
    secrets = [json.loads(p.read_text())["d"] for p in (way.hub.parent / "keys").iterdir()]
    assert [] == [secret for secret in secrets if secret in at_house]
    assert "card.key" not in {p.name for p in house.iterdir()}


def test_a_recycling_point_gets_the_card_key_and_learns_who_the_stewards_are(way):
    code = way.invite(point=True)
    told = way.ask(code, answer=way.admit(way.ask(code)))
    card_key = way.house.parent / "card.key"
    assert (way.hub.parent / "card.key").read_text() == card_key.read_text()
    assert 0o600 == stat.S_IMODE(card_key.stat().st_mode)
    (steward,) = read_books(way.hub).registry.stewards
    assert f'  stewards = ["{steward}"]' in told.splitlines()


def test_asking_twice_is_the_same_request_with_the_same_words(way):
    code = way.invite()
    words = way.ask(code)
    before = way.state()
    assert words == way.ask(code)
    assert before == way.state()


@pytest.mark.parametrize(
    "written", ["{}", "zonstraat/home-noor {}\n", "{}."], ids=["words", "scanned", "sentence"]
)
@pytest.mark.parametrize("between", [" ", "-", ", ", "\n"])
def test_the_words_may_be_given_as_people_or_phones_write_them(way, written, between):
    words = way.ask(way.invite()).upper().replace(" ", between)
    way.admit(written.format(words))
    assert {"home-noor"} == set(way.keys())


def test_a_broker_on_the_hubs_own_machine_needs_no_certificate(way):
    plain = re.sub(r"^broker_tls.*$", "", way.hub.read_text(), flags=re.MULTILINE)
    way.hub.write_text(plain.replace("mqtts://127.0.0.1:8883", "mqtt://127.0.0.1:1883"))
    way.all_the_way()
    config = load(way.house)
    assert ("mqtt://127.0.0.1:1883", None) == (config.broker, config.broker_tls)


def test_the_same_gateway_may_be_invited_again_and_keeps_its_key(way):
    way.all_the_way()
    before = way.keys(), (way.house.parent / "tls.pem").read_bytes()
    edits = way.edits()
    way.all_the_way()
    assert before[0] == way.keys()
    assert before[1] != (way.house.parent / "tls.pem").read_bytes()
    assert edits == way.edits()
    assert 2 == len(Authority(way.hub.parent / "tls").given("home-noor"))


def test_another_gateway_by_its_name_takes_its_place(way):
    way.all_the_way()
    first = way.keys()["home-noor"]
    shutil.rmtree(way.house.parent)
    way.house.parent.mkdir()
    way.house.write_text(SETTINGS)
    way.all_the_way()
    assert "admitted with another key than before" in way.talk
    own = SigningKey.load(way.house.parent / "gateway.key").public.x
    registry = read_books(way.hub).registry
    assert (first, own) == (registry.keys["home-noor"].x, registry.first_key("home-noor"))


def test_a_revoked_gateway_comes_back_with_another_key_only(way):
    way.all_the_way()
    open_ = way.invite()
    keys.revoke("home-noor", config=way.hub, json=True)
    told = json.loads(way.said())
    assert f"{way.hub.parent}/tls/revoked.crl" == told["list"]
    own = x509.load_pem_x509_certificate((way.house.parent / "tls.pem").read_bytes())
    assert not Authority(way.hub.parent / "tls").is_good(own, "home-noor")
    # What was open is over, and the key that was revoked is not admitted again.
    words = way.ask(open_)
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert "no invitation that is open has this code" == refusal(refused)
    code = way.invite()
    words = way.ask(code)
    before = way.state()
    with pytest.raises(PeopleError) as refused:
        way.admit(words)
    assert "it had this key before" == refusal(refused)
    assert before == way.state()
    (way.house.parent / "gateway.key").unlink()
    way.ask(code, answer=way.admit(way.ask(code)))
    assert not read_books(way.hub).registry.is_barred("home-noor")


def test_a_hub_that_ended_in_the_midst_of_admitting_goes_on(way, monkeypatch):
    code = way.invite()
    words = way.ask(code)
    with monkeypatch.context() as ended:
        ended.setattr(invitations.Invitations, "answer", lambda *_: sys.exit())
        with pytest.raises(SystemExit):
            way.admit(words)
    assert {"home-noor"} == set(way.keys())
    way.ask(code, answer=way.admit(words))
    assert "home-noor" == load(way.house).gateway


def test_the_answer_may_be_asked_for_again(way):
    code = way.invite()
    words = way.ask(code)
    first = way.admit(words).read_text()
    assert first == way.admit(words).read_text()
    assert 1 == len(Authority(way.hub.parent / "tls").given("home-noor"))


def test_an_answer_can_be_fetched_also_once_the_time_of_its_code_is_over(way, monkeypatch):
    words = way.ask(way.invite(days=1))
    first = way.admit(words).read_text()
    monkeypatch.setattr(commands, "_now_ms", lambda: 2**42)
    assert first == way.admit(words).read_text()


def test_a_code_is_good_until_the_millisecond_that_was_said(way):
    made = Invitations(Hub.load(way.hub)).invite("home-noor", expires_ms=1_000, is_point=False)
    way.ask(made.code)
    data = way.request.read_bytes()
    assert made == Invitations(Hub.load(way.hub)).open(data, now_ms=999)[1]
    with pytest.raises(PeopleError) as refused:
        Invitations(Hub.load(way.hub)).open(data, now_ms=1_000)
    assert "the time of this code is over" == refusal(refused)


def test_what_is_kept_of_an_enrolment_is_for_its_owner_only(way):
    way.all_the_way()
    folder = way.hub.parent / "enrolment"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    expected = {"home-noor.invitation": 0o600}
    assert (0o700, expected) == (stat.S_IMODE(folder.stat().st_mode), modes)


def test_a_code_that_was_used_is_nowhere_at_the_hub_any_more(way):
    code = way.invite()
    kept = way.hub.parent / "enrolment" / "home-noor.invitation"
    assert code in kept.read_text()
    answer = way.admit(way.ask(code)).read_text().strip()
    everything = b"".join(p.read_bytes() for p in way.hub.parent.rglob("*") if p.is_file())
    forms = [code, code.replace("-", "")]
    assert [] == [form for form in forms if form.encode() in everything]
    assert answer in kept.read_text()


def test_a_code_that_is_mistyped_for_the_answer_spoils_nothing(way):
    code = way.invite()
    answer = way.admit(way.ask(code))
    before = way.state()
    with pytest.raises(PeopleError) as refused:
        way.ask(OTHER_CODE, answer=answer)
    assert "no request waits here that was made with this code" == refusal(refused)
    assert before == way.state()
    way.ask(code, answer=answer)
    assert "home-noor" == load(way.house).gateway


def test_settings_for_which_there_is_no_room_are_told_and_taken_later(way, monkeypatch):
    code = way.invite()
    answer = way.admit(way.ask(code))
    before = way.house.read_bytes()

    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(blocks, "replace", is_full)
        with pytest.raises(PeopleError) as refused:
            way.ask(code, answer=answer)
    assert "the settings cannot be written: No space left on device" == refusal(refused)
    assert before == way.house.read_bytes()
    way.ask(code, answer=answer)
    assert "home-noor" == load(way.house).gateway


def test_a_request_that_can_lie_nowhere_is_told(way):
    way.request.parent.touch()
    with pytest.raises(PeopleError) as refused:
        way.ask(way.invite())
    assert "the request cannot be kept: File exists" == refusal(refused)


def test_an_invitation_that_cannot_be_kept_leaves_the_one_before(way, monkeypatch):
    words = way.ask(way.invite())
    before = way.state()

    def is_full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fsync", is_full)
        with pytest.raises(PeopleError) as refused:
            way.invite()
    assert "this cannot be written: No space left on device" == refusal(refused)
    assert "make room there" == refused.value.problems[0].try_
    assert before == way.state()
    way.admit(words)
    assert {"home-noor"} == set(way.keys())


def test_the_picture_that_is_shown_holds_the_place_and_the_words_and_nothing_else(way):
    words = way.ask(way.invite())
    picture = io.StringIO()
    segno.make_qr(f"zonstraat/home-noor {words}").terminal(picture, compact=True)
    assert way.talk.startswith(picture.getvalue())


def test_the_key_that_waits_with_a_request_is_for_its_owner_only(way):
    way.ask(way.invite())
    folder = way.request.parent
    assert [0o700, 0o600] == [
        stat.S_IMODE(one.stat().st_mode) for one in (folder, folder / "tls.key")
    ]


def test_an_answer_to_somebody_else_changes_nothing_whoever_sealed_it(way):
    code = way.invite()
    way.ask(code)
    asked = enrolment.read(way.request.read_bytes())
    other = enrolment.Answer("zonstraat", "home-bram", "mqtts://hub:8883", "k", "", "", "", ())
    (way.folder / "answer").write_bytes(enrolment.seal(other, asked, code=code))
    before = way.house.read_text()
    with pytest.raises(UsageError) as refused:
        way.ask(code, answer=way.folder / "answer")
    assert "this is an answer to zonstraat/home-bram" == refusal(refused)
    assert before == way.house.read_text()
