"""gateway.toml: every mistake in one run, each with its line and something to try."""

from pathlib import Path

import pytest

from drivers.sdk import Line
from gateway import config
from gateway.contract.errors import ConfigError

KEY = "A" * 43

GOOD = f"""\
community = "zonstraat"
gateway = "home-noor"
bridge_key = "{KEY}"
broker = "mqtt://127.0.0.1:1883"
page = "127.0.0.1:7081"

[device.hall]
driver = "p1"
port = "/dev/serial/by-id/usb-FTDI_1-port0"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, GOOD))
    assert loaded.data == tmp_path / "data"
    assert loaded.key == tmp_path / "gateway.key"


def test_a_house_without_a_community_needs_no_broker(tmp_path: Path) -> None:
    text = 'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/pts/3"\n'
    assert config.load(write(tmp_path, text)).community is None


def test_every_mistake_is_named_in_one_run_with_its_line(tmp_path: Path) -> None:
    text = """\
community = "Zonstraat!"
gatway = "home-noor"
bridge_key = "short"
broker = "http://x"
page = "everywhere"

[device.hall]
driver = "p2"
port = "ttyUSB0"
bauds = 9600

[kiosk]
scale = "scale"
reader = "hall"
card_key = "card.key"
fractions = {}
"""
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    told = {
        (problem.where.partition("gateway.toml")[2], problem.what)
        for problem in caught.value.problems
    }
    assert told == {
        (" line 1: community", "'Zonstraat!' is no id: 1 to 40 of a-z, 0-9 and -"),
        (" line 13: kiosk.scale", "no device is called 'scale'"),
        (" line 16: kiosk.fractions", "no fraction has a tag, so nothing can be chosen"),
        (" line 2: gatway", "unknown key 'gatway'"),
        (" line 3: bridge_key", "'short' is not 32 bytes in base64url"),
        (" line 4: broker", "'http://x' is not the address of an MQTT broker"),
        (" line 5: page", "'everywhere' is not an address and a port"),
        (" line 8: device.hall.driver", "no driver is called 'p2'"),
        (" line 9: device.hall.port", "'ttyUSB0' is not the path of a serial port"),
        (": gateway", "the key 'gateway' is missing"),
    }


def test_a_setting_that_the_driver_does_not_declare_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'bauds'"):
        config.load(write(tmp_path, GOOD + "bauds = 9600\n"))


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "/dev/ttyACM3"])
def test_a_name_that_changes_by_plugging_is_refused(tmp_path: Path, port: str) -> None:
    text = GOOD.replace("/dev/serial/by-id/usb-FTDI_1-port0", port)
    with pytest.raises(ConfigError, match="may be another device after the next restart"):
        config.load(write(tmp_path, text))


def test_the_stable_name_is_given_where_one_leads_to_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-FTDI_1-port0").symlink_to("/dev/ttyUSB0")
    monkeypatch.setattr(config, "BY_ID", by_id)
    text = GOOD.replace("/dev/serial/by-id/usb-FTDI_1-port0", "/dev/ttyUSB0")
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    assert caught.value.problems[0].try_ == f'port = "{by_id}/usb-FTDI_1-port0"'


def test_a_community_needs_its_broker_and_the_hubs_key(tmp_path: Path) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if "bro" not in line and "KEY" not in line)
    with pytest.raises(ConfigError, match="a community needs the key 'broker'"):
        config.load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("device", "key", "what"),
    [
        ('port = "tcp://10.0.0.5"', "port", "'tcp://10.0.0.5' lacks a host or a port"),
        ('port = "gpio:28"', "port", "'gpio:28' is no pin of the header"),
        ('port = "gpio:17"', "port", "gpio:17 is a pin, and this device speaks on a line"),
        ('port = "/dev/pts/1"\nline = "9600"', "line", "'9600' is not a speed and a frame"),
        ('port = "/dev/pts/1"\nkey = "00"', "key", None),
    ],
)
def test_a_mistake_in_a_device_stands_with_its_line(
    tmp_path: Path, device: str, key: str, what: str | None
) -> None:
    text = f'gateway = "home"\n[device.hall]\ndriver = "p1"\n{device}\n'
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    (problem,) = caught.value.problems
    line = text.splitlines().index(device.splitlines()[-1]) + 1
    assert problem.where == f"{tmp_path}/gateway.toml line {line}: device.hall.{key}"
    assert what in {problem.what, None}


def test_devices_that_are_asked_may_share_a_port_and_others_may_not(tmp_path: Path) -> None:
    asked = '[device.{}]\ndriver = "mtsics"\nport = "/dev/pts/1"\n'
    text = 'gateway = "home"\n' + asked.format("one") + asked.format("two")
    assert set(config.load(write(tmp_path, text)).device) == {"one", "two"}
    text += '[device.hall]\ndriver = "p1"\nport = "/dev/pts/1"\n'
    with pytest.raises(ConfigError, match="one, two, hall share a port, and hall speaks without"):
        config.load(write(tmp_path, text))


def test_the_users_own_speed_goes_before_the_drivers(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, GOOD + 'line = "9600 7E1"\n'))
    assert loaded.device["hall"].speed() == Line(9600, "7E1")
    assert loaded.device["hall"].own() == {}


def test_a_contact_is_read_at_a_pin_or_through_a_port(tmp_path: Path) -> None:
    contact = '[device.{}]\ndriver = "s0"\nport = "{}"\npulses_per_kwh = 1000\n'
    text = 'gateway = "home"\n' + contact.format("roof", "gpio:17")
    loaded = config.load(write(tmp_path, text + contact.format("tap", "/dev/pts/1")))
    assert loaded.device["roof"].own() == {"pulses_per_kwh": "1000"}


def test_a_pin_has_one_device(tmp_path: Path) -> None:
    contact = '[device.{}]\ndriver = "s0"\nport = "gpio:17"\n'
    text = 'gateway = "home"\n' + contact.format("roof") + contact.format("tap")
    with pytest.raises(ConfigError, match="roof, tap share a port"):
        config.load(write(tmp_path, text))


def test_a_port_goes_by_one_name(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to(tmp_path / "tty")
    (tmp_path / "by-path").symlink_to(tmp_path / "tty")
    asked = f'[device.{{}}]\ndriver = "mtsics"\nport = "{tmp_path}/{{}}"\n'
    text = 'gateway = "home"\n' + asked.format("one", "by-id") + asked.format("two", "by-path")
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert problem.what == f"{tmp_path}/by-path is another name of {tmp_path}/by-id"
    assert problem.try_ == f'port = "{tmp_path}/by-id"'


def test_a_setting_of_a_driver_stands_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    text = 'gateway = "home"\n[device.roof]\ndriver = "s0"\nport = "gpio:17"\nrated_w = 9000\n'
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    assert str(caught.value) == (
        "error: it says nothing without pulses_per_kwh\n"
        f"where: {tmp_path}/gateway.toml line 5: device.roof.rated_w\n"
        "try:   give pulses_per_kwh as well"
    )


@pytest.mark.parametrize("driver", ["[1]", "17", "true"])
def test_a_driver_that_is_no_text_is_a_mistake_like_others(tmp_path: Path, driver: str) -> None:
    block = f'[device.{{}}]\ndriver = {driver}\nport = "gpio:17"\n'
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, 'gateway = "home"\n' + block.format("a") + block.format("b")))
    assert {problem.where.rpartition(": ")[2] for problem in caught.value.problems} == {
        "device.a.driver",
        "device.b.driver",
    }
