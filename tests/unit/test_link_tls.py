"""Certificate files: every mistake in them is named, and a date never is one."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway import config
from gateway.contract import tls
from gateway.contract.errors import ConfigError
from gateway.contract.link import Broker, Link
from gateway.contract.tls import Tls
from ledger_bridge.certificates import Authority
from tests.certificates import LONG_AGO, certificate, pair

HEAD = """\
community = "zonstraat"
gateway = "home-noor"
bridge_key = "9uc_lMGM3uCMv6yR0qTJf6TKLezbbOTG_iwtLPscdfs"
broker = "mqtts://hub.example:8883"
"""

DEVICE = """
[device.hall]
driver = "p1"
port = "/dev/serial/by-id/usb-FTDI-port0"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tls` as a hub makes it, with every kind of wrong file beside it."""
    base = tmp_path_factory.mktemp("home")
    authority = Authority.create(base / "tls", community="zonstraat")
    noor, bram = pair(authority, "home-noor"), pair(authority, "home-bram")
    certificate(base / "over", authority, "home-noor", ends=LONG_AGO)
    (base / "text.crt").write_text("a letter\n")
    (base / "open.key").write_bytes(noor.key.read_bytes())
    (base / "open.key").chmod(0o644)
    key = serialization.load_pem_private_key(bram.key.read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (base / "sealed.key").write_bytes(sealed)
    (base / "sealed.key").chmod(0o600)
    return base


def told(folder: Path, lines: str) -> list[tuple[str, str]]:
    """What is wrong with a gateway.toml with these lines, and at which key."""
    file = folder / "gateway.toml"
    file.write_text(HEAD + lines + DEVICE)
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    return [
        (problem.what.replace(f"{folder}/", ""), problem.where.rpartition(": ")[2])
        for problem in refused.value.problems
    ]


def test_files_that_belong_together_are_taken_with_absolute_paths(folder: Path) -> None:
    noor = "tls/gateways/home-noor"
    files = f'ca = "tls/ca.crt", certificate = "{noor}.crt", key = "{noor}.key"'
    (folder / "gateway.toml").write_text(
        f"{HEAD}broker_tls = {{ {files} }}"
        f'\nhome_broker = "mqtts://ha.local"\nhome_broker_tls = {{ ca = "tls/ca.crt" }}{DEVICE}'
    )
    loaded = config.load(folder / "gateway.toml")
    expected = Tls(
        ca=folder / "tls/ca.crt", certificate=folder / f"{noor}.crt", key=folder / f"{noor}.key"
    )
    assert expected == loaded.broker_tls
    assert Tls(ca=folder / "tls/ca.crt") == loaded.home_broker_tls
    assert ssl.TLSVersion.TLSv1_3 == tls.context(loaded.broker_tls).minimum_version


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        pytest.param(
            [("there is no file nix.crt", "broker_tls.ca")],
            'broker_tls = { ca = "nix.crt" }',
            id="missing",
        ),
        pytest.param(
            [("tls cannot be read: Is a directory", "broker_tls.ca")],
            'broker_tls = { ca = "tls" }',
            id="folder",
        ),
        pytest.param(
            [("text.crt is no certificate in PEM", "broker_tls.ca")],
            'broker_tls = { ca = "text.crt" }',
            id="not-pem",
        ),
        pytest.param(
            [("tls/gateways/home-noor.crt is no private key in PEM", "broker_tls.key")],
            'broker_tls = { certificate = "tls/gateways/home-noor.crt",'
            ' key = "tls/gateways/home-noor.crt" }',
            id="certificate-as-key",
        ),
        pytest.param(
            [("tls/gateways/home-bram.key is not the key of the certificate", "broker_tls.key")],
            'broker_tls = { certificate = "tls/gateways/home-noor.crt",'
            ' key = "tls/gateways/home-bram.key" }',
            id="key-of-another",
        ),
        pytest.param(
            [("everybody on this machine can read open.key", "broker_tls.key")],
            'broker_tls = { certificate = "tls/gateways/home-noor.crt", key = "open.key" }',
            id="key-for-everybody",
        ),
        pytest.param(
            [("sealed.key asks for a passphrase, and nobody is there to type it",
              "broker_tls.key")],
            'broker_tls = { certificate = "tls/gateways/home-bram.crt", key = "sealed.key" }',
            id="key-with-passphrase",
        ),
        pytest.param(
            [("a certificate without its key", "broker_tls.certificate")],
            'broker_tls = { certificate = "tls/gateways/home-noor.crt" }',
            id="no-key",
        ),
        pytest.param(
            [("a key without its certificate", "broker_tls.key")],
            'broker_tls = { key = "tls/gateways/home-noor.key" }',
            id="no-certificate",
        ),
        pytest.param(
            [("unknown key 'cert'", "broker_tls.cert")],
            'broker_tls = { cert = "tls/ca.crt" }',
            id="unknown-key",
        ),
        pytest.param(
            [("'home_broker_tls' without 'home_broker'", "home_broker_tls")],
            'home_broker_tls = { ca = "tls/ca.crt" }',
            id="no-broker",
        ),
        pytest.param(
            [("home_broker_tls is given, and home_broker is not spoken to with TLS",
              "home_broker")],
            'home_broker = "mqtt://ha.local"\nhome_broker_tls = { ca = "tls/ca.crt" }',
            id="no-tls",
        ),
        pytest.param(
            [("there is no file a", "broker_tls.ca"),
             ("there is no file b", "broker_tls.certificate"),
             ("there is no file c", "broker_tls.key")],
            'broker_tls = { ca = "a", certificate = "b", key = "c" }',
            id="all-in-one-run",
        ),
    ],
)  # fmt: skip
def test_every_mistake_in_the_files_is_named_at_its_key(
    folder: Path, expected: list[tuple[str, str]], lines: str
) -> None:
    assert expected == told(folder, lines)


def test_a_certificate_that_is_over_stops_nobody_from_measuring(folder: Path) -> None:
    over = Tls(certificate=folder / "over.crt", key=folder / "over.key")
    assert [] == list(tls.flaws(over))
    tls.context(over)


@pytest.mark.parametrize(
    ("files", "subject"),
    [(None, "machine"), (Tls(), "machine"), (Tls(ca=Path("tls/ca.crt")), "zonstraat")],
)
def test_the_communitys_own_ca_is_believed_alone_or_those_of_the_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Tls | None, subject: str
) -> None:
    Authority.create(tmp_path / "tls", community="machine")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls/ca.crt"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.chdir(folder)
    (believed,) = tls.context(files).get_ca_certs()
    assert subject in str(believed["subject"])


def test_when_a_certificate_ends_is_told_in_milliseconds(folder: Path) -> None:
    assert datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC) == LONG_AGO
    assert 1_614_834_367_000 == tls.ends_ms(folder / "over.crt")


@pytest.mark.parametrize("name", ["nix.crt", "text.crt", "sealed.key", "tls"])
def test_what_is_no_certificate_ends_never(folder: Path, name: str) -> None:
    assert tls.ends_ms(folder / name) is None


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        pytest.param("there is no file {}/nix.key", "nix.key", id="gone"),
        pytest.param(
            "{}/sealed.key asks for a passphrase, and nobody is there to type it",
            "sealed.key",
            id="sealed",
        ),
    ],
)
def test_files_that_went_wrong_since_are_the_trouble_of_the_link(
    folder: Path, expected: str, name: str
) -> None:
    async def scenario() -> str:
        files = Tls(certificate=folder / "tls/gateways/home-bram.crt", key=folder / name)
        link = Link(
            Broker.parse("mqtts://127.0.0.1:1", where="broker", files=files),
            client_id="x",
            subscriptions=[],
            on_message=lambda _topic, _payload: None,
            on_up=lambda: asyncio.sleep(0),
        )
        return await link._serve()

    assert expected.format(folder) == asyncio.run(scenario())
