"""Blocks of found devices go into gateway.toml beside what is there, which stays to the byte."""

import os
import socket
import stat
import tomllib
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError, Unreachable
from gateway.tools import blocks
from gateway.tools.blocks import Block

METER = Block("meter", "p1", "/dev/serial/by-id/usb-x", {}, (), needs_key=False)
MADE = '[device.meter]\ndriver = "p1"\nport = "/dev/serial/by-id/usb-x"\n'
HALL = '[device.hall]\ndriver = "p1"\nport = "/dev/pts/9"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def test_a_file_that_is_not_there_is_made_and_can_be_used(file, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "raspberrypi")
    blocks.write(file, [METER])
    assert file.read_text() == (
        "# One gateway. What may stand here: docs/configuration.md; what it comes to: "
        "meterkast check\n"
        'gateway = "raspberrypi"\npage = "127.0.0.1:7081"\n\n' + MADE
    )


@pytest.mark.parametrize(
    ("before", "gap"),
    [
        pytest.param(f'# mine\ngateway = "home"  # as on the door\n\n{HALL}', "\n", id="comments"),
        pytest.param(f'gateway = "home"\n{HALL}# the end', "\n\n", id="no end of line"),
        pytest.param(
            'gateway = "home"\r\n[device.hall]\r\ndriver = "p1"\r\nport = "/dev/pts/9"\r\n',
            "\n",
            id="lines of Windows",
        ),
        pytest.param(
            'gateway = "home"\n[device]\nhall = { driver = "p1", port = "/dev/pts/9" }\n',
            "\n",
            id="inline tables",
        ),
        pytest.param(
            'gateway = "home"\ndevice.hall.driver = "p1"\ndevice.hall.port = "/dev/pts/9"\n',
            "\n",
            id="dotted keys",
        ),
    ],
)
def test_what_stands_in_the_file_stays_to_the_byte(file, before, gap):
    file.write_bytes(before.encode())
    blocks.write(file, [METER])
    assert (before + gap + MADE).encode() == file.read_bytes()
    assert ["hall", "meter"] == list(tomllib.loads(file.read_text())["device"])


@pytest.mark.parametrize("before", ["", "# nothing yet\n"], ids=["empty", "a comment"])
def test_a_file_without_settings_gets_the_beginning_of_one(file, before):
    file.write_text(before)
    blocks.write(file, [METER])
    assert file.read_text().startswith(before + "# One gateway.")
    assert ["gateway", "page", "device"] == list(tomllib.loads(file.read_text()))


@pytest.mark.parametrize(
    ("before", "what"),
    [
        pytest.param(
            'gateway = "home"\ndevice = { hall = { driver = "p1", port = "/dev/pts/9" } }\n',
            "no block can be added to 'device' as it stands there",
            id="one inline table",
        ),
        pytest.param(
            'gateway = "home"\ndevice = 5\n',
            "no block can be added to 'device' as it stands there",
            id="a number",
        ),
        pytest.param(
            'gateway = "home"\n[[device]]\ndriver = "p1"\n',
            "no block can be added to 'device' as it stands there",
            id="a list",
        ),
        pytest.param(
            f'gateway = "home"\ncolour = "red"\n{HALL}', "unknown key 'colour'", id="a mistake"
        ),
        pytest.param(HALL, "the key 'gateway' is missing", id="no name"),
        pytest.param(
            "gateway = \n", "not TOML: Invalid value (at line 1, column 11)", id="not TOML"
        ),
        pytest.param("gateway = 'h\udcff'", "byte 12 is not UTF-8", id="not UTF-8"),
    ],
)
def test_a_file_that_could_not_be_used_is_refused_and_left_alone(file, before, what):
    raw = before.encode(errors="surrogateescape")
    file.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        blocks.write(file, [METER])
    assert what == caught.value.problems[0].what
    assert caught.value.problems[0].where.startswith(str(file))
    assert (raw, [file]) == (file.read_bytes(), list(file.parent.iterdir()))


def test_a_folder_in_place_of_the_file_is_told(file):
    file.mkdir()
    with pytest.raises(ConfigError, match="the file cannot be read: Is a directory"):
        blocks.taken(file)


def test_a_folder_that_takes_no_file_is_told(tmp_path):
    with pytest.raises(Unreachable, match="the file cannot be written: No such file or directory"):
        blocks.write(tmp_path / "gone" / "gateway.toml", [METER])


def test_a_file_that_others_may_not_read_stays_so(file):
    file.write_text(f'gateway = "home"\n{HALL}')
    file.chmod(0o600)
    blocks.write(file, [METER])
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    real = tmp_path / "real.toml"
    real.write_text(f'gateway = "home"\n{HALL}')
    file.symlink_to(real)
    blocks.write(file, [METER])
    assert file.is_symlink()
    assert real.read_text().endswith(MADE)


def test_the_old_file_is_there_until_the_new_one_is_whole(file, monkeypatch):
    before = f'gateway = "home"\n{HALL}'
    file.write_text(before)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unreachable, match="No space left on device"):
        blocks.write(file, [METER])
    assert (before, [file]) == (file.read_text(), list(file.parent.iterdir()))


@pytest.mark.parametrize(
    ("hostname", "id_"),
    [
        ("Noor's Pi.local", "noor-s-pi-local"),
        ("été", "t"),
        ("日本", "gateway"),
        ("", "gateway"),
        (f"{'a' * 39}-b", "a" * 39),
    ],
)
def test_a_machine_of_any_name_gives_an_id(monkeypatch, hostname, id_):
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    assert id_ == blocks._own_id()


def test_a_block_tells_what_may_be_meant_instead_and_what_is_still_wanted():
    block = Block("meter", "dlms", "/dev/x", {"line": "2400 8E1"}, ("p1",), needs_key=True)
    assert blocks.text([block]) == (
        '[device.meter]\ndriver = "dlms"\nport = "/dev/x"\nline = "2400 8E1"\n'
        '# or driver = "p1", as its type plate says\n'
        '# key = "…" with the 32 hex digits that the grid operator gives\n'
    )


def test_a_port_is_taken_by_whatever_name_it_goes(file, tmp_path):
    (tmp_path / "port").touch()
    (tmp_path / "link").symlink_to(tmp_path / "port")
    file.write_text(f'[device.hall]\nport = "{tmp_path / "link"}"\n')
    assert {str(tmp_path / "port"): "hall"} == blocks.taken(file)


@pytest.mark.parametrize(
    ("names", "free"),
    [((), "meter"), (("meter",), "meter-2"), (("meter", "meter-2", "hall"), "meter-3")],
)
def test_a_device_gets_a_name_that_nobody_has(names, free):
    assert free == blocks.free_name("meter", names)
