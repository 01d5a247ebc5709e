"""The community's own CA: what it makes other programs check, and mistakes are told."""

import json
import stat
import subprocess
from functools import partial
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError, UsageError
from ledger_bridge.certificates import Authority
from ledger_bridge.commands.certificate import certificate, withdraw
from tests.system.programs import done


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bridge.toml of a hub with certificates for its broker and one gateway."""
    folder = tmp_path_factory.mktemp("hub") / "hub"
    done("hub", "init", folder, "--community", "zonstraat")
    config = folder / "bridge.toml"
    made = done(
        "hub", "certificate", "home-noor", "--broker", "hub.café", "--config", config, "--json"
    )
    tls = folder / "tls"
    assert {
        "CA": f"{tls}/ca.crt",
        "bridge": f"{tls}/bridge.crt",
        "broker": f"{tls}/broker.crt",
        "home-noor": f"{tls}/gateways/home-noor.crt",
    } == json.loads(made)
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
        ("sslclient", "bridge.crt", "subject=CN = @bridge"),
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
    keys = sorted((hub.parent / "tls").rglob("*.key"))
    assert ["bridge.key", "broker.key", "ca.key", "home-noor.key"] == [key.name for key in keys]
    assert {0o600} == {stat.S_IMODE(key.stat().st_mode) for key in keys}


def test_a_withdrawn_certificate_is_on_the_list_and_a_new_one_is_not(hub, part):
    tls = hub.parent / "tls"
    lists = ["-crl_check", "-CRLfile", tls / "revoked.crl", "-CAfile", tls / "ca.crt"]
    theirs = tls / "gateways" / "home-bram.crt"
    done("hub", "certificate", "home-bram", "--config", hub)
    assert f"{theirs}: OK\n" == openssl(part, "verify", *lists, theirs)
    told = [done("hub", "withdraw", "home-bram", "--config", hub, "--json") for _ in range(2)]
    assert {"withdrawn": ["home-bram"], "list": f"{tls}/revoked.crl"} == json.loads(told[0])
    assert told[0] == told[1]
    assert "certificate revoked" in openssl(part, "verify", *lists, theirs)
    done("hub", "certificate", "home-bram", "--config", hub)
    assert f"{theirs}: OK\n" == openssl(part, "verify", *lists, theirs)


@pytest.mark.parametrize(
    ("expected", "command", "given"),
    [
        pytest.param("for whom?", certificate, [], id="nobody"),
        pytest.param("whose?", withdraw, [], id="nobodys"),
        pytest.param("'Noor' is no id of a gateway", certificate, ["Noor"], id="no-id"),
        pytest.param("'../ca' is no id of a gateway", withdraw, ["../ca"], id="a-path"),
        pytest.param("'@bridge' is no id of a gateway", certificate, ["@bridge"], id="the-bridge"),
        pytest.param(
            "'a..b' is no name of a machine: ", partial(certificate, broker="a..b"), [],
            id="no-machine",
        ),
        pytest.param(
            "home-eva has no certificate to withdraw: No such file or directory",
            withdraw, ["home-eva"],
            id="none-to-withdraw",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told(hub, expected, command, given):
    with pytest.raises(UsageError) as refused:
        command(*given, config=hub)
    assert refused.value.problems[0].what.startswith(expected)


def test_a_ca_that_lost_its_key_is_told(tmp_path):
    made = Authority.create(tmp_path / "tls", community="zonstraat")
    (made.folder / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"CA cannot be used: .*No such file"):
        Authority(made.folder)
