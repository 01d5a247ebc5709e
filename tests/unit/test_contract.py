"""The wire: exact numbers, two lines that another JOSE library accepts, receipts, cards, topics."""

import json
from base64 import urlsafe_b64decode
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

from drivers.reading import Reading
from gateway.contract import cards, receipt, record, signed, topics
from gateway.contract.errors import ConfigError, Unreachable
from gateway.contract.keys import SigningKey, thumbprint
from gateway.contract.link import Broker
from gateway.contract.receipt import Receipt
from gateway.contract.record import GENESIS, QUARTER, Identity
from gateway.contract.signed import Malformed
from tests.cuts import cut_at
from tests.street import key

IDENTITY = Identity(
    community="straat",
    gateway="home",
    chain="evidence-1",
    seq=1,
    prev=GENESIS,
    boot="b",
    mono_ms=1_500,
    clock="synced",
    made_ms=1_781_992_800_000,
)


def test_a_record_is_two_lines_that_read_as_they_are_meant():
    reading = Reading("1-0:2.8.1", 4_426_500, "mWh", 1_781_992_799_000, "E0031")
    element = record.element("hall", reading, base_ms=1_781_992_800_000)
    line, _, _ = record.make(IDENTITY, [element], typ=QUARTER, key=key("home")).partition(b"\n")
    expected = (
        '[{"bn":"mk:straat:home:","bt":1781992800,"n":"record","vs":"mk-quarter-v1",'
        '"community":"straat","gateway":"home","chain":"evidence-1","seq":1,'
        f'"prev":"{"0" * 64}","boot":"b","mono":1.5,"clock":"synced"}},'
        '{"n":"hall/1-0:2.8.1","u":"Wh","v":4426.5,"t":-1,"serial":"E0031"}]'
    )
    assert expected == line.decode()


def test_a_record_of_a_gateway_without_a_clock_has_no_times():
    timeless = record.element("hall", Reading("1-0:2.8.1", 4_426_500, "mWh"), base_ms=0)
    identity = IDENTITY._replace(made_ms=None, clock="unset")
    _, read = record.parse(record.make(identity, [timeless], typ=QUARTER, key=key("home")))
    assert identity == read.identity
    assert [timeless] == read.elements


def jose_accepts(data: bytes, x: str) -> bool:
    """Ask a library that is not ours."""
    line, _, detached = data.partition(b"\n")
    protected, _, signature = detached.decode().partition("..")
    jwk = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x})
    registry = jws.JWSRegistry(algorithms=["Ed25519"])
    compact = f"{protected}..{signature}"
    try:
        jws.deserialize_compact(compact, jwk, payload=line, registry=registry)
    except BadSignatureError:
        return False
    return True


def test_another_jose_library_accepts_the_signature_and_refuses_a_changed_line():
    data = record.make(IDENTITY, [], typ=QUARTER, key=key("home"))
    assert jose_accepts(data, key("home").public.x)
    assert not jose_accepts(data.replace(b'"seq":1', b'"seq":2'), key("home").public.x)
    assert not jose_accepts(data, key("other").public.x)


def test_the_protected_header_has_standard_members_only():
    data = record.make(IDENTITY, [], typ=QUARTER, key=key("home"))
    protected = data.partition(b"\n")[2].partition(b"..")[0]
    header = json.loads(urlsafe_b64decode(protected + b"=" * (-len(protected) % 4)))
    expected = {
        "alg": "Ed25519",
        "b64": False,
        "crit": ["b64"],
        "kid": key("home").public.kid,
        "typ": "mk-quarter-v1",
    }
    assert expected == header


def test_a_thumbprint_is_that_of_rfc_8037():
    # RFC 8037 appendix A.3.
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" == thumbprint(x)


@pytest.mark.parametrize(
    ("milli", "text"),
    [
        (0, "0"),
        (1, "0.001"),
        (-1, "-0.001"),
        (1_000, "1"),
        (4_426_500, "4426.5"),
        (-12_340, "-12.34"),
        (999_999_999_999_999_999, "999999999999999.999"),
    ],
)
def test_decimals_are_exact(milli, text):
    assert text == bytes(record.decimal(milli)).decode()
    assert milli == record.milli(record.decimal(milli))


@given(st.integers(-(10**17), 10**17))
def test_every_number_comes_back(milli):
    assert milli == record.milli(record.decimal(milli))


@pytest.mark.parametrize(
    "text", ["1e3", "0.0001", "1.", ".5", '"5"', "null", "9" * 16, "--1", "NaN"]
)
def test_inexact_numbers_are_refused(text):
    with pytest.raises(Malformed):
        record.milli(record.msgspec.Raw(text.encode()))


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_of_records_raise_anything_else(data):
    with pytest.raises(Malformed):
        record.parse(data)


def test_a_receipt_is_the_bridges_own_or_refused():
    made = Receipt("straat", "home", "evidence-1", 7, "ab" * 32, 1_781_992_800_000)
    data = receipt.make(made, key=key("bridge"))
    assert made == receipt.check(data, key=key("bridge").public)
    forged = data.replace(b'"up_to":7', b'"up_to":9')
    for odd in (forged, receipt.make(made, key=key("home")), b"", data[:-5]):
        with pytest.raises(Malformed):
            receipt.check(odd, key=key("bridge").public)
    policy = signed.sign(data.partition(b"\n")[0], typ="mk-policy-v1", key=key("bridge"))
    with pytest.raises(Malformed, match="typ"):
        receipt.check(policy, key=key("bridge").public)


def test_a_key_file_is_private_and_comes_back(tmp_path):
    made = SigningKey.create(tmp_path / "gateway.key")
    assert 0o600 == (tmp_path / "gateway.key").stat().st_mode & 0o777
    assert made.public.x == SigningKey.load(tmp_path / "gateway.key").public.x
    with pytest.raises(FileExistsError):
        SigningKey.create(tmp_path / "gateway.key")


def test_a_key_for_which_there_is_no_room_is_not_there_at_all_and_can_be_made_later(
    tmp_path, monkeypatch
):
    def is_full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fsync", is_full)
        with pytest.raises(Unreachable, match="the key cannot be kept: No space left on device"):
            SigningKey.create(tmp_path / "gateway.key")
    assert [] == list(tmp_path.iterdir())
    made = SigningKey.create(tmp_path / "gateway.key")
    assert made.public.x == SigningKey.load(tmp_path / "gateway.key").public.x


def test_of_two_who_make_a_key_at_once_the_first_ones_stays(tmp_path, monkeypatch):
    def meanwhile(_: object) -> None:
        (tmp_path / "gateway.key").write_text("another's")

    with monkeypatch.context() as race:
        race.setattr("os.fsync", meanwhile)
        with pytest.raises(FileExistsError):
            SigningKey.create(tmp_path / "gateway.key")
    assert "another's" == (tmp_path / "gateway.key").read_text()
    assert [tmp_path / "gateway.key"] == list(tmp_path.iterdir())


def test_wherever_the_making_of_a_key_is_cut_off_there_is_a_whole_one_or_none(tmp_path):
    path, cuts = tmp_path / "gateway.key", 0
    while cut_at(cuts + 1, partial(SigningKey.create, path)):
        cuts += 1
        if path.exists():
            SigningKey.load(path)
            path.unlink()
    # The folder, what an earlier cut left, the file, its sync, its name, the folder again and its
    # sync; and the other name goes.
    assert 8 == cuts
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"kty":"RSA","crv":"x","x":"","d":""}'])
def test_a_spoilt_key_file_is_told_in_three_lines(tmp_path, text):
    path = tmp_path / "gateway.key"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        SigningKey.load(path)
    what, where, try_ = str(error.value).splitlines()
    assert what.startswith("error: the key file is not an Ed25519 JWK")
    assert f"where: {path}" == where
    assert try_.startswith("try:   ")


def test_a_card_leaves_as_a_keyed_hash():
    # HMAC-SHA-256 of "0A00123456" under 32 bytes 6b, the first 16 bytes; worked out with openssl.
    assert "5f6edd9723a8214c1935ba6c3a5df3b1" == cards.token("0A00123456", b"k" * 32)


@pytest.mark.parametrize("written", ["k7qm 3rxa", "K7QM-3RXA", "K7QM3RXA"])
def test_a_code_is_the_same_however_people_write_it(written):
    assert cards.claim("K7QM-3RXA", bytes(32)) == cards.claim(written, bytes(32))


@pytest.mark.parametrize("written", ["O1IL-0000", "o111-oo0o", "0111-OOOO"])
def test_letters_that_no_code_has_are_read_as_what_they_look_like(written):
    assert cards.claim("0111-0000", bytes(32)) == cards.claim(written, bytes(32))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mk/v1/straat/home/record", ("straat", "home", "record")),
        ("mk/v1/straat/home", None),
        ("mk/v2/straat/home/record", None),
        ("mk/v1/straat/home/record/x", None),
    ],
)
def test_topics_are_taken_apart(name, expected):
    assert expected == topics.split(name)


@pytest.mark.parametrize("url", ["", "127.0.0.1", "http://x", "mqtt://", "mqtt://h:port"])
def test_an_address_that_is_no_broker_is_named(url):
    with pytest.raises(ConfigError, match="is not the address of an MQTT broker"):
        Broker.parse(url, where="gateway.toml: broker")


def test_a_card_that_says_a_code_is_no_claim() -> None:
    key = b"k" * 32
    claimed = cards.claim("K7QM3RXA", key)
    assert claimed not in {cards.token(f"{word}K7QM3RXA", key) for word in ("claim:", "CLAIM:")}


def test_a_key_that_cannot_be_kept_is_told(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match="the key cannot be kept: Not a directory"):
        SigningKey.create(tmp_path / "file" / "sub" / "gateway.key")
