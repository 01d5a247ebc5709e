"""Certificates that renew themselves, in years that pass in a moment."""

import stat
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from gateway.community.renewing import Renewing as AtHome
from gateway.contract import enrolment, renewal, tls
from gateway.contract.keys import SigningKey
from gateway.contract.renewal import Renewal
from gateway.contract.signed import Malformed
from gateway.contract.tls import Tls, new_key, pem_of
from ledger_bridge.books.registry import papers
from ledger_bridge.books.registry.edits import Edit, Edits, GatewayAdmitted, GatewayRevoked
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import hub as commands
from ledger_bridge.hub import Hub
from ledger_bridge.renewing import Renewing as AtHub
from tests.certificates import certificate
from tests.cuts import cut_at

BEGIN = datetime(2026, 6, 21, 12, tzinfo=UTC)
KEY = SigningKey(b"g" * 32)


class Years:
    """A hub and a gateway under one clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = BEGIN
        self.is_set = True
        commands.init(folder / "hub", community="zonstraat", json=True)
        config = folder / "hub" / "bridge.toml"
        files = 'ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem"'
        text = config.read_text().replace("mqtt://127.0.0.1:1883", "mqtts://127.0.0.1:8883")
        config.write_text(f"{text}broker_tls = {{ {files} }}\n")
        self.hub = Hub.load(config)
        self.community = self.hub.open_to_write()
        self.edit(GatewayAdmitted("home", KEY.public.x))
        self.authority = Authority(self.hub.tls_folder, now=lambda: self.now)
        self.authority.renew_bridge()
        self.bridge = AtHub(self.hub, self.community, now=lambda: self.now)
        self.house = folder / "house"
        self.house.mkdir()
        self.pem = self.house / "tls.pem"
        self.give()
        self.gateway = self.begin()

    def give(self) -> None:
        """What enrolling gave the gateway."""
        key = new_key()
        pem = self.authority.gateway("home", key.public_key()).public_bytes(Encoding.PEM).decode()
        self.pem.write_text(pem_of(key) + pem)
        self.pem.chmod(0o600)

    def begin(self, key: SigningKey = KEY) -> AtHome:
        """The gateway's part, as after a start of the program."""
        return AtHome(
            Tls(ca=self.authority.certificate, certificate=self.pem, key=self.pem),
            owner=("zonstraat", "home"),
            key=key,
            is_set=lambda: self.is_set,
            now=lambda: self.now,
        )

    def edit(self, *edits: Edit) -> None:
        said = Edits("zonstraat", 0, edits)
        document = papers.make(said, key=self.hub.key("steward"))
        self.community.hand_in_edits(document, {}, now_ms=0)

    def renew(self) -> bool:
        """One look of the gateway, answered by the hub; whether there was anything to do."""
        request = self.gateway.request()
        if request is None:
            return False
        answered = self.bridge.answer("home", request)
        assert answered is not None
        self.gateway.take(answered)
        return True

    def own(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.read_bytes())


@pytest.fixture
def years(tmp_path, capsys) -> Years:
    return Years(tmp_path)


def test_a_gateway_that_runs_for_two_years_is_never_without_a_certificate(years):
    renewed = []
    keys = set()
    for day in range(730):
        years.now = BEGIN + timedelta(days=day)
        if years.renew():
            renewed.append(day)
        assert years.authority.is_good(years.own(), "home")
        assert [] == list(tls.flaws(Tls(certificate=years.pem, key=years.pem)))
        keys.add(years.own().public_key().public_numbers())
    # Two thirds of the 91 days from the day before it is given are over on the 60th.
    assert [60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660, 720] == renewed
    assert 13 == len(keys)
    assert 0o600 == stat.S_IMODE(years.pem.stat().st_mode)
    assert ["tls.pem"] == [path.name for path in years.house.iterdir()]


def test_the_bridge_renews_its_own_as_well_and_looks_once_an_hour(years):
    file = years.authority.bridge
    before = file.read_bytes()
    years.bridge.renew_own()
    assert before == file.read_bytes()
    years.now = BEGIN + timedelta(minutes=59)
    certificate(years.house / "odd", years.authority, "@bridge", ends=BEGIN + timedelta(days=1))
    file.write_text((years.house / "odd.key").read_text() + (years.house / "odd.crt").read_text())
    years.bridge.renew_own()
    assert before != file.read_bytes()
    years.now = BEGIN + timedelta(minutes=61)
    years.bridge.renew_own()
    made = x509.load_pem_x509_certificate(file.read_bytes())
    assert BEGIN + timedelta(days=90, minutes=61) == made.not_valid_after_utc


def test_who_has_no_time_to_believe_renews_nothing(years):
    years.now = BEGIN + timedelta(days=75)
    years.is_set = False
    assert not years.renew()
    years.is_set = True
    assert years.renew()


def test_an_answer_that_was_lost_is_given_again(years):
    years.now = BEGIN + timedelta(days=60)
    lost = years.bridge.answer("home", years.gateway.request())
    years.now += timedelta(minutes=10)
    years.gateway = years.begin()  # switched off and on meanwhile
    assert lost == years.bridge.answer("home", years.gateway.request())
    years.gateway.take(lost)
    assert lost == years.own().public_bytes(Encoding.PEM)


def test_a_gateway_from_a_backup_renews_with_what_it_has(years):
    backup = years.pem.read_bytes()
    years.now = BEGIN + timedelta(days=60)
    assert years.renew()
    years.now = BEGIN + timedelta(days=70)
    years.pem.write_bytes(backup)
    assert years.renew()
    assert years.authority.is_good(years.own(), "home")


def test_a_start_in_the_midst_of_it_begins_anew_with_another_key(years):
    years.now = BEGIN + timedelta(days=60)
    years.gateway.request()
    waiting = years.pem.with_name("tls.pem.next")
    kept = waiting.read_bytes()
    assert 0o600 == stat.S_IMODE(waiting.stat().st_mode)
    assert years.renew()
    waiting.write_bytes(kept)  # as if it had ended before this was taken away
    years.now = BEGIN + timedelta(days=120)
    before = years.own().public_key()
    assert years.renew()
    assert before != years.own().public_key()


def test_wherever_a_renewal_is_cut_off_the_certificate_in_use_is_whole_and_it_goes_on(years):
    years.now = BEGIN + timedelta(days=60)
    request = years.gateway.request()
    answer = years.bridge.answer("home", request)
    before = years.pem.read_bytes()
    number = 1
    while cut_at(number, partial(years.gateway.take, answer)):
        assert years.authority.is_good(years.own(), "home")
        assert [] == list(tls.flaws(Tls(certificate=years.pem, key=years.pem)))
        years.gateway = years.begin()
        years.now += timedelta(hours=2)
        years.renew()
        assert before != years.pem.read_bytes()
        years.pem.write_bytes(before)
        years.gateway = years.begin()
        answer = years.bridge.answer("home", years.gateway.request())
        number += 1
    assert 7 == number


def signed_for(years: Years, **other: object) -> bytes:
    """A request to renew, as it should be but for what is given."""
    said = {
        "community": "zonstraat",
        "gateway": "home",
        "csr": enrolment.request_certificate(new_key(), "home"),
        "certificate": years.own().public_bytes(Encoding.PEM).decode(),
    }
    key = other.pop("key", KEY)
    return renewal.make(Renewal(**(said | other)), key=key)


def of_another(years: Years) -> str:
    other = Authority.create(years.house / "other", community="zonstraat", now=lambda: years.now)
    made = other.gateway("home", new_key().public_key())
    return made.public_bytes(Encoding.PEM).decode()


def of_a_version_to_come(years: Years) -> bytes:
    """A certificate that says it is of version 6, where all are of version 3."""
    der = years.own().public_bytes(Encoding.DER)
    newer = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105"), 1)
    text = b64encode(newer).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n".encode()


@pytest.mark.parametrize(
    ("reason", "day", "request_"),
    [
        ("its certificate is good for longer", 59, signed_for),
        ("the certificate that it shows is over, revoked or not ours", 90, signed_for),
        ("not signed by the gateway's key", 60, lambda y: signed_for(y, key=SigningKey(b"s" * 32))),
        ("a renewal for 'home' of 'z2'", 60, lambda y: signed_for(y, community="z2")),
        ("a renewal for 'shed' of 'zonstraat'", 60, lambda y: signed_for(y, gateway="shed")),
        ("no request for a certificate", 60, lambda y: signed_for(y, csr="AAAA")),
        (
            "a request for a certificate that home did not make", 60,
            lambda y: signed_for(y, csr=enrolment.request_certificate(new_key(), "@bridge")),
        ),
        (
            "it does not show the certificate that it has", 60,
            lambda y: signed_for(y, certificate="none"),
        ),
        (
            "it does not show the certificate that it has", 60,
            lambda y: signed_for(y, certificate=of_a_version_to_come(y).decode()),
        ),
        (
            "the certificate that it shows is over, revoked or not ours", 60,
            lambda y: signed_for(y, certificate=of_another(y)),
        ),
        ("expected one line of JSON and one line of detached JWS", 60, lambda _: b"x"),
    ],
)  # fmt: skip
def test_what_nobody_renews_is_told_once_and_gives_nothing(years, reason, day, request_):
    data = request_(years)
    years.now = BEGIN + timedelta(days=day)
    before = sorted(p.read_bytes() for p in (years.hub.tls_folder / "gateways").iterdir())
    with capture_logs() as logs:
        assert [None, None] == [years.bridge.answer("home", data) for _ in range(2)]
    assert [("renewal_refused", "home", reason)] == [
        (one["event"], one["gateway"], one["reason"]) for one in logs
    ]
    assert before == sorted(p.read_bytes() for p in (years.hub.tls_folder / "gateways").iterdir())


def test_a_stranger_is_passed_over_without_a_word(years):
    with capture_logs() as logs:
        assert years.bridge.answer("shed", signed_for(years)) is None
    assert [] == logs


def test_who_asks_all_the_time_gets_one_in_an_hour(years):
    years.now = BEGIN + timedelta(days=60)
    assert years.bridge.answer("home", signed_for(years))
    years.now += timedelta(minutes=59)
    assert years.bridge.answer("home", signed_for(years)) is None
    years.now += timedelta(minutes=2)
    assert years.bridge.answer("home", signed_for(years))


def test_a_revoked_gateway_is_not_renewed(years):
    years.now = BEGIN + timedelta(days=60)
    years.edit(GatewayRevoked("home", (), "stolen"))
    with capture_logs() as logs:
        assert years.bridge.answer("home", years.gateway.request()) is None
    assert ["it is revoked"] == [one["reason"] for one in logs]


def test_a_hub_without_its_ca_key_says_so_once(years):
    (years.hub.tls_folder / "ca.key").unlink()
    years.now = BEGIN + timedelta(days=60)
    with capture_logs() as logs:
        for _ in range(2):
            assert years.bridge.answer("home", years.gateway.request()) is None
            years.bridge.renew_own()
    assert ["certificates_not_given"] == [one["event"] for one in logs]


def pem(years: Years, name: str, **dates: datetime) -> bytes:
    certificate(years.house / "odd", years.authority, name, **dates)
    return (years.house / "odd.crt").read_bytes()


def for_our_key(years: Years, name: str, authority: Authority | None = None) -> bytes:
    waiting = years.gateway._next_key(years.own())
    made = (authority or years.authority).gateway(name, waiting.public_key())
    return made.public_bytes(Encoding.PEM)


def by_another_ca(years: Years) -> bytes:
    other = Authority.create(years.house / "other", community="zonstraat", now=lambda: years.now)
    return for_our_key(years, "home", other)


def of_a_time_to_come(years: Years) -> bytes:
    later = years.now + timedelta(days=9)
    return for_our_key(years, "home", Authority(years.hub.tls_folder, now=lambda: later))


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("no certificate of our CA", lambda _: b"a letter"),
        ("no certificate of our CA", by_another_ca),
        ("no certificate of our CA", of_a_version_to_come),
        ("a certificate of another key", lambda y: pem(y, "home")),
        ("a certificate for another name", lambda y: for_our_key(y, "shed")),
        ("a certificate of another time", of_a_time_to_come),
        ("9000 bytes, at most 8192", lambda _: b"x" * 9_000),
    ],
)
def test_what_is_no_answer_is_not_taken(years, reason, answer):
    years.now = BEGIN + timedelta(days=60)
    years.gateway.request()
    before = years.pem.read_bytes()
    with pytest.raises(Malformed, match=reason):
        years.gateway.take(answer(years))
    assert before == years.pem.read_bytes()
    years.now += timedelta(days=9)
    assert years.renew()


def test_a_certificate_that_nobody_asked_for_is_passed_over(years):
    before = years.pem.read_bytes()
    years.gateway.take(pem(years, "home"))
    assert before == years.pem.read_bytes()


def test_a_folder_that_takes_no_file_is_told_once(years, monkeypatch):
    years.now = BEGIN + timedelta(days=60)
    answer = years.bridge.answer("home", years.gateway.request())

    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", is_full)
    before = years.pem.read_bytes()
    with capture_logs() as logs:
        for _ in range(2):
            years.gateway.take(answer)
    assert ["certificate_not_renewed"] == [one["event"] for one in logs]
    assert before == years.pem.read_bytes()
    monkeypatch.undo()
    years.gateway.take(answer)
    assert before != years.pem.read_bytes()
