"""`meterkast check`: what a gateway would do, and what it lacks."""

import os
from pathlib import Path

import msgspec
import pytest

from gateway.contract.errors import ConfigError
from gateway.contract.keys import SigningKey
from gateway.lines.holders import Holder
from gateway.tools import check

HOUSE = """
gateway = "home"
home_broker = "mqtt://noor:geheim@127.0.0.1:1883"
page = "127.0.0.1:7081"

[device.hall]
driver = "p1"
port = "{port}"

[device.heat]
driver = "mbus"
port = "tcp://10.0.0.5:3001"
"""
COMMUNITY = """
community = "straat"
broker = "mqtt://127.0.0.1:1883"
bridge_key = "{key}"
"""


@pytest.fixture
def port():
    ours, theirs = os.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def test_what_would_run_is_told_line_by_line(tmp_path, port, capsys):
    file = write(tmp_path, HOUSE.format(port=port))
    assert 0 == check.check(config=file)
    assert [
        "gateway home",
        f"  hall  Smart meter, P1 port  {port}",
        "  heat  M-Bus meter, wired    tcp://10.0.0.5:3001",
        "  home  values for the house  127.0.0.1:1883",
        "  page  a page to look at     http://127.0.0.1:7081",
        "the settings are good",
    ] == capsys.readouterr().out.splitlines()


def test_a_port_that_is_not_there_is_told_and_ends_with_1(tmp_path, capsys):
    file = write(tmp_path, HOUSE.format(port="/dev/serial/by-id/usb-none"))
    assert 1 == check.check(config=file, as_json=True)
    hall, *others = msgspec.json.decode(capsys.readouterr().out)["parts"]
    assert hall["missing"].startswith("it is not plugged in; ports there now: ")
    assert [""] * 3 == [part["missing"] for part in others]


@pytest.mark.parametrize("port", ["/dev/null", "/tmp", __file__], ids=["null", "folder", "file"])
def test_what_is_no_serial_port_is_told(tmp_path, capsys, port):
    assert 1 == check.check(config=write(tmp_path, HOUSE.format(port=port)), as_json=True)
    hall, *_ = msgspec.json.decode(capsys.readouterr().out)["parts"]
    assert "it is no serial port: meterkast discover" == hall["missing"]


def test_a_port_that_another_program_holds_is_told_with_that_program(
    tmp_path, port, capsys, monkeypatch
):
    by = Holder("Home Assistant", 42, "delete there what reads this port")
    monkeypatch.setattr(check, "holder", lambda _: by)
    monkeypatch.setattr(check, "is_pseudo", lambda _: False)
    file = write(tmp_path, HOUSE.format(port=port))
    assert 1 == check.check(config=file, as_json=True)
    hall, *_ = msgspec.json.decode(capsys.readouterr().out)["parts"]
    expected = "it is held by Home Assistant (process 42): delete there what reads this port"
    assert expected == hall["missing"]


def test_a_port_that_the_running_gateway_holds_is_as_it_should_be(
    tmp_path, port, capsys, monkeypatch
):
    monkeypatch.setattr(check, "holder", lambda _: Holder("meterkast", 42, "stop it"))
    monkeypatch.setattr(check, "is_pseudo", lambda _: False)
    assert 0 == check.check(config=write(tmp_path, HOUSE.format(port=port)))


def test_a_password_in_the_address_of_a_broker_is_not_shown(tmp_path, port, capsys):
    check.check(config=write(tmp_path, HOUSE.format(port=port)))
    check.check(config=write(tmp_path, HOUSE.format(port=port)), as_json=True)
    assert "geheim" not in capsys.readouterr().out


def test_a_community_needs_the_key_that_enrol_makes(tmp_path, port):
    key = SigningKey(bytes(32)).public.x
    file = write(tmp_path, COMMUNITY.format(key=key) + HOUSE.format(port=port))
    with pytest.raises(ConfigError) as caught:
        check.check(config=file)
    (problem,) = caught.value.problems
    assert "the key file does not exist" == problem.what
    assert problem.where == str(tmp_path / "gateway.key")
    assert problem.try_.startswith("meterkast enrol")


def test_a_point_needs_the_operators_pin_that_its_settings_name(tmp_path, port):
    point = f'''
gateway = "point"
[device.scale]
driver = "toledo"
port = "{port}"
[kiosk]
scale = "scale"
screen = "127.0.0.1:7090"
pin = "operator.pin"
division = "5 g"
card_key = "card.key"
stewards = ["{SigningKey(bytes(32)).public.x}"]
'''
    (tmp_path / "card.key").write_text("ab" * 32 + "\n")
    (tmp_path / "card.key").chmod(0o600)
    key = SigningKey.create(tmp_path / "gateway.key").public.x
    file = write(tmp_path, COMMUNITY.format(key=key) + point)
    with pytest.raises(ConfigError) as caught:
        check.check(config=file)
    (problem,) = caught.value.problems
    assert "no PIN is kept in this file" == problem.what
    assert f"meterkast kiosk pin {tmp_path}/operator.pin" == problem.try_
