"""What goes to a helper: enough to help, and no secret from wherever one can stand."""

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from gateway.contract.errors import UsageError
from gateway.doctor import bundle
from gateway.doctor.patient import Finding

SECRET = "wachtwoord"
KEY = "00112233445566778899AABBCCDDEEFF"


def packed(folder: Path, settings: str, findings: list[Finding] | None = None) -> dict[str, str]:
    file = folder / "gateway.toml"
    file.write_text(settings)
    bundle.write(folder / "b.tar.gz", file, findings or [], None)
    with tarfile.open(folder / "b.tar.gz") as archive:
        return {
            Path(member.name).name: archive.extractfile(member).read().decode()
            for member in archive
        }


@pytest.fixture(autouse=True)
def no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle.shutil, "which", lambda _: None)


@pytest.mark.parametrize(
    ("line", "secret", "shown"),
    [
        pytest.param(
            f'broker = "mqtt://noor:{SECRET}@10.0.0.5:1883"',
            SECRET,
            'broker = "mqtt://…@10.0.0.5:1883"',
            id="a password",
        ),
        pytest.param(
            f'broker = "mqtt://noor:a@{SECRET}@h"', SECRET, 'broker = "mqtt://…@h"', id="with an @"
        ),
        pytest.param(
            f'broker = "mqtt://noor:a/{SECRET}@h"', SECRET, 'broker = "mqtt://…@h"', id="with a /"
        ),
        pytest.param(
            f'broker = "mqtt://noor:a {SECRET}@h"', SECRET, 'broker = "…"', id="with a blank"
        ),
        pytest.param(f'broker = "mqtt:noor:{SECRET}@h"', SECRET, 'broker = "…"', id="without //"),
        pytest.param(
            f'[device.hall]\nport = "http://10.0.0.5/api?token={SECRET}"',
            SECRET,
            'port = "http://10.0.0.5/api?…"',
            id="a token",
        ),
        pytest.param(f'[device.hall]\nkey = "{KEY}"', KEY, 'key = "…"', id="a meter's key"),
        pytest.param(
            f'[device.hall]\nauth_key = "{KEY}"', KEY, 'auth_key = "…"', id="its second key"
        ),
        pytest.param(
            "[device.hall]\nkey = 12345678901234567890123456789012",
            "12345678901234567890123456789012",
            'key = "…"',
            id="a key without quotes",
        ),
        pytest.param(
            f'[kiosk]\ncard_key = "{SECRET}"', SECRET, 'card_key = "…"', id="the key of the cards"
        ),
        pytest.param(
            f'[kiosk]\nstewards = ["{SECRET}"]', SECRET, 'stewards = ["…"]', id="in a list"
        ),
        pytest.param(f'[a.b]\nc = {{ d = "{SECRET}" }}', SECRET, 'd = "…"', id="in a table"),
        pytest.param(
            '[device.hall]\nport = "/dev/serial/by-id/usb-FTDI_A5XK3RJT-if00"',
            "A5XK3RJT",
            'port = "/dev/serial/by-id/usb-FTDI_…-if00"',
            id="an adapter's number",
        ),
        pytest.param(f'gateway = "home" # {SECRET}', SECRET, 'gateway = "home"', id="a comment"),
        pytest.param(
            f'unknown = "see http://h and {SECRET}"', SECRET, 'unknown = "…"', id="an unknown key"
        ),
    ],
)
def test_no_secret_of_the_settings_is_in_a_bundle(tmp_path, line, secret, shown):
    texts = packed(tmp_path, line + "\n")
    assert secret not in "".join(texts.values())
    assert shown in texts["gateway.toml"]


@pytest.mark.parametrize(
    "line",
    [
        'gateway = "home"',
        'language = "nl"',
        "[device.hall]\naddress = 12\n",
        '[device.hall]\nline = "115200 8N1"',
        '[device.hall]\nport = "tcp://10.0.0.5:3001"',
        "samples_shared_since = 2026-01-01",
        "steady = true",
    ],
)
def test_what_helps_and_is_nobodys_is_in_a_bundle_as_it_stands(tmp_path, line):
    assert line in packed(tmp_path, line + "\n")["gateway.toml"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it speaks: 37 registers, number E0047000012345607", "it speaks: 37 registers, number …"),
        (f"'mqtt:noor:{SECRET}@h' is not the address", "…@h' is not the address"),
        ("listened to at 115200 8N1", "listened to at 115200 8N1"),
        ("card 04A1B2C3D4E5F6 read", "card … read"),
    ],
)
def test_no_number_and_no_login_of_a_finding_is_in_a_bundle(tmp_path, text, shown):
    texts = packed(tmp_path, 'gateway = "home"\n', [Finding(text, "hall", "")])
    assert shown == json.loads(texts["findings.json"])[0]["what"]


def test_settings_that_cannot_be_read_are_not_copied(tmp_path):
    texts = packed(tmp_path, f'key = "{SECRET}\n')
    assert texts["gateway.toml"].startswith("# cannot be read: ")
    assert SECRET not in "".join(texts.values())


def test_the_log_is_told_without_its_numbers(tmp_path, monkeypatch):
    said = b"event=line_lost line=hall serial=E0047000012345607 broker=mqtt://noor:x@h \xff\n"
    done = subprocess.CompletedProcess([], 0, said)
    monkeypatch.setattr(bundle.shutil, "which", lambda _: "/usr/bin/journalctl")
    monkeypatch.setattr(bundle.subprocess, "run", lambda *_, **__: done)
    texts = packed(tmp_path, 'gateway = "home"\n')
    assert "event=line_lost line=hall serial=… …@h \ufffd\n" == texts["log.txt"]


def test_a_journal_of_the_system_that_does_not_answer_is_told(tmp_path, monkeypatch):
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("journalctl", 10)

    monkeypatch.setattr(bundle.shutil, "which", lambda _: "/usr/bin/journalctl")
    monkeypatch.setattr(bundle.subprocess, "run", hang)
    assert "journalctl does not answer\n" == packed(tmp_path, "")["log.txt"]


@pytest.mark.parametrize(
    ("name", "what"),
    [("gone/b.tar.gz", "No such file or directory"), ("gateway.toml", "File exists")],
    ids=["no such folder", "there already"],
)
def test_a_bundle_that_cannot_be_written_is_told_and_overwrites_nothing(tmp_path, name, what):
    file = tmp_path / "gateway.toml"
    file.write_text('gateway = "home"\n')
    with pytest.raises(UsageError, match=what):
        bundle.write(tmp_path / name, file, [], None)
    assert 'gateway = "home"\n' == file.read_text()
