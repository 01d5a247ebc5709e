"""What `install mosquitto` writes: this hub's rights and certificates, and no key on the screen."""

import json
import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from gateway.contract.errors import UsageError
from ledger_bridge.certificates import Authority
from ledger_bridge.commands import certificate, hub
from ledger_bridge.commands.install_mosquitto import mosquitto
from tests.certificates import pair

WRITTEN = {
    "etc/mosquitto/conf.d/meterkast.conf": 0o644,
    "etc/mosquitto/meterkast/broker.crt": 0o644,
    "etc/mosquitto/meterkast/broker.key": 0o600,
    "etc/mosquitto/meterkast/ca.crt": 0o644,
    "etc/mosquitto/meterkast/gateways.acl": 0o644,
    "etc/mosquitto/meterkast/home.acl": 0o644,
    "etc/mosquitto/meterkast/revoked.crl": 0o644,
    "etc/systemd/system/mosquitto.service.d/meterkast.conf": 0o644,
    "usr/local/lib/meterkast/persistence-guard": 0o755,
}


@pytest.fixture
def config(tmp_path, capsys) -> Path:
    """A hub of a community of its own, with a certificate for its broker."""
    hub.init(tmp_path / "hub", community="zonneweg", json=True)
    certificate.certificate(broker="127.0.0.1", config=tmp_path / "hub/bridge.toml", json=True)
    capsys.readouterr()
    return tmp_path / "hub" / "bridge.toml"


def install(config: Path, **given: bool) -> tuple[int, Path]:
    root = config.parents[1] / "root"
    return mosquitto(config=config, out=root, **given), root


def test_all_files_are_there_with_the_rights_of_this_community(config, capsys):
    code, root = install(config, yes=True)
    modes = {
        str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode)
        for path in root.rglob("*")
        if path.is_file()
    }
    assert (0, WRITTEN) == (code, modes)
    rights = (root / "etc/mosquitto/meterkast/gateways.acl").read_text()
    assert (0, 26) == (rights.count("zonstraat"), rights.count("mk/v1/zonneweg/"))
    key = (config.parent / "tls/broker.key").read_text()
    assert key == (root / "etc/mosquitto/meterkast/broker.key").read_text()
    shown = capsys.readouterr().out
    assert "broker.key (a secret, which is not shown)" in shown
    assert [] == [line for line in key.splitlines()[1:-1] if line in shown]


def test_after_a_revocation_only_the_list_is_written_anew(config, capsys):
    install(config, yes=True)
    authority = Authority(config.parent / "tls")
    pair(authority, "home-noor")
    authority.revoke("home-noor")
    capsys.readouterr()
    install(config, as_json=True)
    told = json.loads(capsys.readouterr().out)["files"]
    assert ["revoked.crl"] == [Path(one["path"]).name for one in told if one["change"] != "same"]


def test_a_restored_hub_makes_the_broker_forget_nobody(config, capsys):
    tls = config.parent / "tls"
    before = (tls / "revoked.crl").read_bytes()
    authority = Authority(tls)
    pair(authority, "home-noor")
    authority.revoke("home-noor")
    _, root = install(config, yes=True)
    newer = root / "etc/mosquitto/meterkast/revoked.crl"
    (tls / "revoked.crl").write_bytes(before)
    for given in ({"yes": True}, {"as_json": True}):
        with pytest.raises(UsageError) as refused:
            install(config, **given)
    problem = refused.value.problems[0]
    assert "certificates that the broker shuts out and the hub's list has not: 1" == problem.what
    assert problem.try_.startswith(f"sudo cp {newer} {tls / 'revoked.crl'}")
    shutil.copyfile(newer, tls / "revoked.crl")
    assert (0, root) == install(config, yes=True)
    # Another community's list is nobody's.
    other = Authority.create(config.parents[1] / "other", community="maanweg")
    pair(other, "home-bram")
    other.revoke("home-bram")
    shutil.copyfile(other.revoked, newer)
    assert (0, root) == install(config, yes=True)
    assert (tls / "revoked.crl").read_bytes() == newer.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_reads_nothing_for_the_hubs_user_that_is_not_theirs(config, monkeypatch):
    """A link in the hub's folder, and where it leads belongs to somebody else."""
    secret = config.parents[1] / "shadow"
    secret.write_text("root:$6$...\n")
    os.chown(config.parent, 1234, 1234)
    for path in (config.parent / "tls").iterdir():
        os.chown(path, 1234, 1234)
    (config.parent / "tls/ca.crt").unlink()
    (config.parent / "tls/ca.crt").symlink_to(secret)
    with pytest.raises(UsageError, match="not of whoever has the hub's folder"):
        install(config, yes=True)
    assert not (config.parents[1] / "root").exists()
    os.chown(secret, 1234, 1234)
    install(config, yes=True)


def test_what_is_only_looked_at_is_not_there_to_be_given_away(config, monkeypatch):
    us = pwd.getpwuid(os.getuid())
    monkeypatch.setattr("pwd.getpwnam", lambda name: us if name == "mosquitto" else None)
    assert (0, config.parents[1] / "root") == install(config, as_json=True)
    assert not (config.parents[1] / "root").exists()


def test_without_a_yes_nothing_is_written(config):
    with pytest.raises(UsageError, match="nobody to ask"):
        install(config)
    assert not (config.parents[1] / "root").exists()


def test_a_broker_without_a_certificate_is_told(config):
    (config.parent / "tls/broker.crt").unlink()
    with pytest.raises(UsageError) as refused:
        install(config, yes=True)
    (problem,) = refused.value.problems
    assert "a certificate of the broker is missing: No such file or directory" == problem.what
    assert not (config.parents[1] / "root").exists()


@pytest.mark.parametrize(
    "host", ["hub.example.nl:8883", "mqtts://hub.example.nl", "", "a b", "*.example.nl", "a..nl"]
)
def test_what_is_no_name_of_a_machine_leaves_the_brokers_certificate_as_it_is(config, host):
    before = (config.parent / "tls/broker.crt").read_bytes()
    with pytest.raises(UsageError, match="is no name of a machine"):
        certificate.certificate(broker=host, config=config)
    assert before == (config.parent / "tls/broker.crt").read_bytes()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("hub.example.nl", "mqtts://hub.example.nl:8883"),
        ("hub", "mqtts://hub:8883"),
        ("192.168.1.7", "mqtts://192.168.1.7:8883"),
        ("fd00::7", "mqtts://[fd00::7]:8883"),
        ("bücher.nl", "mqtts://bücher.nl:8883"),
    ],
)
def test_a_name_or_an_address_is_told_as_bridge_toml_wants_it(config, capsys, host, address):
    certificate.certificate(broker=host, config=config)
    assert f'broker = "{address}"' in capsys.readouterr().out


def test_a_hub_that_has_the_name_in_its_settings_is_not_told_to_write_it_there(config, capsys):
    tls = (
        'broker_tls = { ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem" }'
    )
    settings = config.read_text().replace("mqtt://127.0.0.1:1883", "mqtts://hub.example.nl:8883")
    config.write_text(f"{settings}{tls}\n")
    certificate.certificate(broker="hub.example.nl", config=config)
    expected = f"hub.example.nl: {config.parent}/tls/broker.crt, {config.parent}/tls/broker.key\n"
    assert expected == capsys.readouterr().out
