"""The community's own CA: what it makes other programs check, and mistakes are told."""

import json
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.contract.errors import ConfigError, UsageError
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.certificate import certificate
from tests.certificates import certificate as odd
from tests.certificates import pair
from tests.system.programs import done

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bridge.toml of a hub with certificates for its broker and one gateway."""
    folder = tmp_path_factory.mktemp("hub") / "hub"
    done("hub", "init", folder, "--community", "zonstraat")
    config = folder / "bridge.toml"
    made = done("hub", "certificate", "--broker", "hub.café", "--config", config, "--json")
    tls = folder / "tls"
    expected = {"certificate": f"{tls}/broker.crt", "key": f"{tls}/broker.key"}
    assert expected == json.loads(made)
    pair(Authority(tls), "home-noor")
    return config


def openssl(part, *args: object) -> str:
    """What another program says of a certificate; both its outputs, as it fails on stderr."""
    told = subprocess.run(
        [part("openssl"), *(str(arg) for arg in args)], capture_output=True, text=True, check=False
    )
    return told.stdout + told.stderr


@pytest.mark.parametrize(
    ("purpose", "file", "subject"),
    [
        ("sslclient", "bridge.pem", "subject=CN = @bridge"),
        ("sslclient", "gateways/home-noor.crt", "subject=CN = home-noor"),
        ("sslserver", "broker.crt", "subject=CN = hub.xn--caf-dma"),
    ],
)
def test_another_program_finds_the_certificates_right(hub, part, purpose, file, subject):
    tls = hub.parent / "tls"
    checks = ["-x509_strict", "-purpose", purpose, "-CAfile", tls / "ca.crt"]
    assert f"{tls / file}: OK\n" == openssl(part, "verify", *checks, tls / file)
    assert f"{subject}\n" == openssl(part, "x509", "-noout", "-subject", "-in", tls / file)


def test_a_gateways_certificate_is_no_brokers(hub, part):
    tls = hub.parent / "tls"
    theirs = tls / "gateways" / "home-noor.crt"
    told = openssl(part, "verify", "-purpose", "sslserver", "-CAfile", tls / "ca.crt", theirs)
    assert "unsuitable certificate purpose" in told


def test_keys_are_for_their_owner_only(hub):
    tls = hub.parent / "tls"
    kept = [tls / name for name in ("bridge.pem", "broker.key", "ca.key")]
    assert {0o600} == {stat.S_IMODE(key.stat().st_mode) for key in kept}
    assert 0o700 == stat.S_IMODE(tls.stat().st_mode)


def test_nobody_else_on_the_machine_reads_whose_names_are_in_the_books(hub):
    assert 0o600 == stat.S_IMODE((hub.parent / "books.db").stat().st_mode)


def test_all_that_a_gateway_may_still_use_is_taken_back_and_a_new_one_is_not(hub, part):
    tls = hub.parent / "tls"
    authority = Authority(tls)
    lists = ["-crl_check", "-CRLfile", tls / "revoked.crl", "-CAfile", tls / "ca.crt"]
    older = tls / "older.crt"
    older.write_bytes(pair(authority, "home-bram").certificate.read_bytes())
    theirs = pair(authority, "home-bram").certificate
    assert f"{theirs}: OK\n" == openssl(part, "verify", *lists, theirs)
    assert [2, 0] == [authority.revoke("home-bram") for _ in range(2)]
    assert 2 == sum(
        "certificate revoked" in openssl(part, "verify", *lists, one) for one in (older, theirs)
    )
    pair(authority, "home-bram")
    assert f"{theirs}: OK\n" == openssl(part, "verify", *lists, theirs)


def test_each_list_says_who_signed_it_and_has_a_greater_number_whatever_the_clock_does(
    tmp_path, part
):
    now = NOON
    authority = Authority.create(tmp_path / "tls", community="zonstraat", now=lambda: now)
    pair(authority, "home-noor")
    numbers = []
    for now in (NOON, NOON - timedelta(days=9), NOON + timedelta(days=1)):  # noqa: B007 - the clock
        pair(authority, "home-noor")
        authority.revoke("home-noor")
        listed = x509.load_pem_x509_crl(authority.revoked.read_bytes())
        numbers.append(listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    # 2026-06-21 12:00 UTC in seconds is the first list's, of the founding.
    assert [1_782_043_201, 1_782_043_202, 1_782_129_600] == numbers
    told = openssl(part, "crl", "-noout", "-text", "-in", authority.revoked)
    own = openssl(part, "x509", "-noout", "-ext", "subjectKeyIdentifier", "-in",
                  authority.certificate)  # fmt: skip
    assert f"X509v3 Authority Key Identifier: \n                {own.split()[-1]}\n" in told
    assert "X509v3 CRL Number: \n                1782129600\n" in told
    checks = ["-x509_strict", "-crl_check", "-CRLfile", authority.revoked]
    theirs = pair(authority, "home-bram").certificate
    told = openssl(part, "verify", *checks, "-attime", int(NOON.timestamp()) + 86_400,
                   "-CAfile", authority.certificate, theirs)  # fmt: skip
    assert f"{theirs}: OK\n" == told


def test_a_list_of_before_they_had_numbers_is_followed_by_one_with(tmp_path):
    authority = Authority.create(tmp_path / "tls", community="zonstraat", now=lambda: NOON)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority._ca.subject)
        .last_update(NOON)
        .next_update(NOON + timedelta(days=9))
    )
    old = builder.sign(authority._key, SHA256()).public_bytes(Encoding.PEM)
    authority.revoked.write_bytes(old)
    pair(authority, "home-noor")
    assert 1 == authority.revoke("home-noor")
    listed = x509.load_pem_x509_crl(authority.revoked.read_bytes())
    assert 1_782_043_200 == listed.extensions.get_extension_for_class(
        x509.CRLNumber
    ).value.crl_number  # fmt: skip


def test_who_was_taken_back_stays_so_when_another_is(tmp_path):
    authority = Authority.create(tmp_path / "tls", community="zonstraat")
    names = ("home-noor", "home-bram")
    ours = [
        x509.load_pem_x509_certificate(pair(authority, name).certificate.read_bytes())
        for name in names
    ]
    assert [1, 1] == [authority.revoke(name) for name in names]
    assert [False, False] == [authority.is_good(*one) for one in zip(ours, names, strict=True)]


def test_the_ca_makes_no_other_ca(hub, part):
    told = openssl(part, "x509", "-noout", "-text", "-in", hub.parent / "tls" / "ca.crt")
    assert "CA:TRUE, pathlen:0" in told


def test_what_is_over_is_no_longer_kept(tmp_path):
    now = NOON
    authority = Authority.create(tmp_path / "tls", community="zonstraat", now=lambda: now)
    pair(authority, "home-noor")
    now = NOON + timedelta(days=90)
    pair(authority, "home-noor")
    assert [NOON + timedelta(days=180)] == [
        one.not_valid_after_utc for one in authority.given("home-noor")
    ]


def test_a_certificate_is_good_while_it_is_ours_for_this_name_not_over_and_not_taken_back(tmp_path):
    now = NOON
    authority = Authority.create(tmp_path / "tls", community="zonstraat", now=lambda: now)
    other = Authority.create(tmp_path / "other", community="zonstraat", now=lambda: now)
    ours, theirs = (
        x509.load_pem_x509_certificate(pair(one, "home-noor").certificate.read_bytes())
        for one in (authority, other)
    )
    odd(tmp_path / "over", authority, "home-noor", ends=NOON - timedelta(seconds=1))
    over = x509.load_pem_x509_certificate((tmp_path / "over.crt").read_bytes())
    assert [True, False, False, False] == [
        authority.is_good(ours, "home-noor"),
        authority.is_good(ours, "home-bram"),
        authority.is_good(theirs, "home-noor"),
        authority.is_good(over, "home-noor"),
    ]
    now = NOON + timedelta(days=90)
    assert not authority.is_good(ours, "home-noor")
    now = NOON
    authority.revoke("home-noor")
    assert not authority.is_good(ours, "home-noor")


@pytest.mark.parametrize(
    ("expected", "days"),
    [(True, -2), (False, -1), (False, 59), (True, 60), (True, 400)],
    ids=["-2", "-1", "59", "60", "400"],
)
def test_the_bridges_own_certificate_is_due_before_it_begins_and_once_two_thirds_are_over(
    tmp_path, expected, days
):
    Authority.create(tmp_path / "tls", community="zonstraat", now=lambda: NOON)
    later = Authority(tmp_path / "tls", now=lambda: NOON + timedelta(days=days))
    assert expected == later.is_bridge_due()
    later.renew_bridge()
    assert not later.is_bridge_due()


def test_a_broker_without_a_name_is_told(hub):
    with pytest.raises(UsageError) as refused:
        partial(certificate, broker="a..b")(config=hub)
    assert refused.value.problems[0].what.startswith("'a..b' is no name of a machine: ")


def test_a_hub_of_before_gets_its_ca_with_the_brokers_certificate(tmp_path):
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat")
    tls = tmp_path / "hub" / "tls"
    for path in tls.iterdir():
        path.unlink()
    tls.rmdir()
    certificate(broker="127.0.0.1", config=tmp_path / "hub" / "bridge.toml", json=True)
    made = ["bridge.pem", "broker.crt", "broker.key", "ca.crt", "ca.key", "revoked.crl"]
    assert made == sorted(path.name for path in tls.iterdir())


def test_a_ca_that_lost_its_key_is_told(tmp_path):
    made = Authority.create(tmp_path / "tls", community="zonstraat")
    (made.folder / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"CA cannot be used: .*No such file"):
        Authority(made.folder)


@pytest.mark.parametrize("file", ["ca.crt", "ca.key", "revoked.crl", "gateways/home-noor.crt"])
def test_a_damaged_file_of_the_ca_is_told(tmp_path, file):
    made = Authority.create(tmp_path / "tls", community="zonstraat")
    pair(made, "home-noor")
    (made.folder / file).write_text("-----BEGIN NOTHING-----\n")
    with pytest.raises(ConfigError, match="CA cannot be used") as told:
        Authority(made.folder).revoke("home-noor")
    assert f"{made.folder}/{file}" == told.value.problems[0].where


def test_the_ca_has_a_key_of_its_kind(tmp_path):
    made = Authority.create(tmp_path / "tls", community="zonstraat")
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (made.folder / "ca.key").write_bytes(pem)
    with pytest.raises(ConfigError, match="a key of another kind"):
        Authority(made.folder)
