"""What a request to enrol, its words and its answer hold, and who can make or read them."""

import re

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import enrolment, signed
from gateway.contract.enrolment import Answer, Request
from gateway.contract.keys import SigningKey, b64, unb64
from gateway.contract.signed import Malformed
from gateway.contract.tls import new_key

CODE = "24ME-1TX4-WV9F-BVCA"
OTHER_CODE = "24ME-1TX4-WV9F-BVCB"
KEY = SigningKey(bytes(range(32)))


def request(**other: str) -> Request:
    name = other.get("gateway", "home-noor")
    csr = enrolment.request_certificate(new_key(), name)
    said = {"community": "zonstraat", "gateway": name, "key": KEY.public.x, "csr": csr}
    return Request(**(said | other))


def answer(**other: object) -> Answer:
    said = Answer("zonstraat", "home-noor", "mqtts://hub:8883", "k", "ca", "crt", "", ("s",))
    return msgspec.structs.replace(said, **other)


# The code


def test_a_code_is_read_as_people_write_it_and_no_two_are_alike():
    assert "24ME1TX4WV9FBVCA" == enrolment.read_code(" 24me-itx4 wv9f-bvca\n")
    codes = {enrolment.new_code() for _ in range(1_000)}
    assert 1_000 == len(codes)
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", c) for c in codes)


@pytest.mark.parametrize("typed", ["", "24ME", CODE + "X", "24ME-1TX4-WV9F-BVC!", "é" * 16])
def test_what_cannot_be_a_code_is_told(typed):
    with pytest.raises(ValueError, match="a code has 16 letters and digits"):
        enrolment.read_code(typed)


# The request


def test_a_request_says_who_asks_and_proves_that_they_know_the_code():
    said = request()
    asked = enrolment.read(enrolment.make(said, key=KEY, code=CODE))
    assert said == asked.said
    assert [True, False] == [
        enrolment.knows(asked, enrolment.proof_key(code)) for code in (CODE, OTHER_CODE)
    ]


def test_a_request_does_not_hold_its_code():
    data = enrolment.make(request(), key=KEY, code=CODE)
    parts = [unb64(part.decode()) for part in re.split(rb"\.\.|\n", data)[1:]]
    held = [code for code in (CODE, enrolment.read_code(CODE)) for part in (data, *parts)
            if code.encode() in part]  # fmt: skip
    assert [] == held


def test_a_request_that_came_by_mail_is_the_same():
    data = enrolment.make(request(), key=KEY, code=CODE)
    mailed = b"\r\n" + data.replace(b"\n", b"\r\n") + b"\r\n"
    assert enrolment.read(data) == enrolment.read(mailed)


STRANGER = SigningKey(b"s" * 32)


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("9000 bytes", lambda: b"x" * 9_000),
        ("the three lines", lambda: b"nothing"),
        ("not signed with the key", lambda: enrolment.make(request(), key=STRANGER, code=CODE)),
        ("no request for a cert", lambda: enrolment.make(request(csr="AAAA"), key=KEY, code=CODE)),
        (
            "that home-noor did not make",
            lambda: enrolment.make(
                request(csr=request(gateway="home-bram").csr), key=KEY, code=CODE
            ),
        ),
        ("a gateway that is no id", lambda: enrolment.make(
            request(gateway="../ca"), key=KEY, code=CODE)),
        ("a key or a proof", lambda: enrolment.make(request(), key=KEY, code=CODE) + b"!"),
        ("typ 'mk-other'", lambda: signed.sign(b"{}", typ="mk-other", key=KEY) + b"\nAA"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told(reason, data):
    with pytest.raises(Malformed, match=reason):
        enrolment.read(data())


OURS = unb64(request().csr)
CURVE, VERSION = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("020100")


@pytest.mark.parametrize(
    "csr",
    [
        OURS.replace(CURVE, bytes.fromhex("06082a8648ce3d030106")),
        OURS.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0202")),
        OURS.replace(VERSION, bytes.fromhex("020101"), 1),
        # A bit string, which no name but one can be.
        OURS.replace(bytes.fromhex("0603550403") + b"\x0c", bytes.fromhex("0603550403") + b"\x03"),
    ],
    ids=["curve", "kind of key", "version", "name"],
)
def test_a_request_for_a_certificate_of_a_kind_that_nobody_knows_is_told(csr):
    assert csr != OURS
    with pytest.raises(Malformed, match="no request for a certificate"):
        enrolment.requested(b64(csr), "home-noor")


def test_who_does_not_have_the_key_gets_no_certificate_of_it():
    changed = OURS[:-1] + bytes([OURS[-1] ^ 1])
    with pytest.raises(Malformed, match="that home-noor did not make"):
        enrolment.requested(b64(changed), "home-noor")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(ec.generate_private_key(ec.SECP384R1()), SHA256()), (Ed448PrivateKey.generate(), None)],
    ids=["P-384", "Ed448"],
)
def test_only_a_key_of_our_kind_gets_a_certificate(key, algorithm):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "home-noor")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    with pytest.raises(Malformed, match="another kind of key than P-256"):
        enrolment.requested(b64(made.public_bytes(Encoding.DER)), "home-noor")


@given(st.integers(0, 599), st.integers(0, 7))
def test_no_bit_of_a_request_can_be_changed(at, bit):
    data = bytearray(enrolment.make(request(), key=KEY, code=CODE))
    data[at] ^= 1 << bit
    try:
        asked = enrolment.read(bytes(data))
    except Malformed:
        return
    assert not enrolment.knows(asked, enrolment.proof_key(CODE))


# The words


def test_the_words_are_of_this_request_and_of_no_other():
    # Reckoned with the scrypt of `cryptography`, by hand from there.
    assert "bami bela newi kofa" == " ".join(enrolment.words(b'{"a":1}\nx..y'))
    assert "bami bela newi kofa" != " ".join(enrolment.words(b'{"a":1}\nx..z'))


def test_four_words_have_forty_four_bits_and_can_be_said():
    assert len(enrolment.WORD_LIST) == len(set(enrolment.WORD_LIST)) >= 2**11
    assert all(re.fullmatch("([bdfklmnprstw][aeio]){2}", word) for word in enrolment.WORD_LIST)


# The answer


def test_only_who_made_the_request_and_knows_the_code_reads_the_answer():
    asked = enrolment.read(enrolment.make(request(), key=KEY, code=CODE))
    other = enrolment.read(enrolment.make(request(), key=KEY, code=CODE))
    sealed = enrolment.seal(answer(card_key="00ff"), asked, code=CODE)
    assert answer(card_key="00ff") == enrolment.unseal(sealed, asked.document, code=CODE)
    for document, code in ((asked.document, OTHER_CODE), (other.document, CODE)):
        with pytest.raises(Malformed, match="no answer to this request"):
            enrolment.unseal(sealed, document, code=code)


@pytest.mark.parametrize("data", [b"", b"AA", b"\xff\xfe", b"x" * 70_000, b"A" * 400])
def test_what_is_no_answer_is_told(data):
    asked = enrolment.read(enrolment.make(request(), key=KEY, code=CODE))
    with pytest.raises(Malformed):
        enrolment.unseal(data, asked.document, code=CODE)
