"""gateway.toml: every mistake in one run, each with its line and something to try."""

from pathlib import Path

import pytest

from drivers import sdk
from drivers.sdk import Line
from gateway import config
from gateway.contract import settings
from gateway.contract.errors import ConfigError
from gateway.kiosk.settings import mass_mg
from gateway.lines import portnames

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
readers = ["hall"]
card_key = "card.key"
stewards = ["mine"]
division = "5 pounds"
langage = "nl"
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
        (" line 12: kiosk", "no screen and no buttons, so nothing can be chosen"),
        (" line 16: kiosk.stewards.0", "'mine' is not 32 bytes in base64url"),
        (
            " line 17: kiosk.division",
            '\'5 pounds\' is no mass such as "1.5 kg" or "20 g"',
        ),
        (" line 18: kiosk.langage", "unknown key 'langage'"),
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
    monkeypatch.setattr(portnames, "STABLE", (by_id,))
    text = GOOD.replace("/dev/serial/by-id/usb-FTDI_1-port0", "/dev/ttyUSB0")
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    assert caught.value.problems[0].try_ == f'port = "{by_id}/usb-FTDI_1-port0"'


def test_an_adapter_without_a_serial_number_is_known_by_its_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id, by_path = tmp_path / "by-id", tmp_path / "by-path"
    by_id.mkdir()
    by_path.mkdir()
    (by_id / "usb-1a86_USB_Serial-if00-port0").symlink_to("/dev/ttyUSB0")  # the other of the two
    (by_path / "usb-0:1.2:1.0-port0").symlink_to("/dev/ttyUSB1")
    monkeypatch.setattr(portnames, "STABLE", (by_id, by_path))
    assert portnames.stable_name("/dev/ttyUSB1") == f'port = "{by_path}/usb-0:1.2:1.0-port0"'
    told = portnames.stable_name("/dev/ttyUSB2")
    assert "its name under /dev/serial/by-id or /dev/serial/by-path" in told
    assert f"(ports seen now: {by_id}/usb-1a86_USB_Serial-if00-port0, {by_path}/usb-0:1" in told


@pytest.mark.parametrize(
    "port",
    [
        "/dev/serial/by-path/platform-3f980000.usb-usb-0:1.2:1.0-port0", "/dev/smartmeter",
        "/dev/ttyAMA0", "/dev/serial0", "tcp://10.0.0.5:3001", "tcp://[fe80::1]:3001",
        "rfc2217://10.0.0.5:2217", "http://10.0.0.7/api/v1/telegram", "http://p1.local:80/t?m=1",
    ],
)  # fmt: skip
def test_a_listening_meter_may_hang_on(port: str) -> None:
    assert portnames.refuse(port, sdk.load("p1")) is None


@pytest.mark.parametrize(
    ("driver", "port", "what", "tries"),
    [
        ("p1", "rfc2217://10.0.0.5", "lacks a host or a port", "rfc2217://10.0.0.5:2217"),
        ("p1", "tcp://:3001", "lacks a host or a port", "tcp://10.0.0.5:502"),
        ("p1", "tcp://a:b@10.0.0.5:3001", "lacks a host or a port", "tcp://10.0.0.5:502"),
        ("p1", "tcp://a..b:3001", "lacks a host or a port", "tcp://10.0.0.5:502"),
        ("p1", "tcp://a:65536", "lacks a host or a port", "tcp://10.0.0.5:502"),
        ("p1", "tcp://a\0b:3001", "lacks a host or a port", "tcp://10.0.0.5:502"),
        ("p1", "http://a..b/telegram", "is no address", "http://10.0.0.7/api/v1/telegram"),
        ("p1", "http://a:0/telegram", "is no address", "http://10.0.0.7/api/v1/telegram"),
        ("p1", "http://10.0.0.7", "names no page", "http://10.0.0.7/api/v1/telegram"),
        ("p1", "https://10.0.0.7/api", "wants a token", "http://10.0.0.7/api/v1/telegram"),
        ("p1", "telnet://10.0.0.7:23", "is not the path", "tcp://, rfc2217://, http://… or gpio:N"),
        ("sdm630", "http://10.0.0.7/t", "and sdm630 sends none", "tcp://HOST:PORT or rfc2217://"),
        ("s0", "http://10.0.0.7/t", "and s0 sends none", "tcp://HOST:PORT or rfc2217://"),
        ("wedge", "http://10.0.0.7/t", "and wedge sends none", "tcp://HOST:PORT or rfc2217://"),
    ],
)
def test_a_port_that_cannot_be_is_refused_with_one_that_can(
    driver: str, port: str, what: str, tries: str
) -> None:
    refused = portnames.refuse(port, sdk.load(driver))
    assert refused
    assert what in refused[0]
    assert tries in refused[1]


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


POINT = f"""\
{GOOD.replace('"home-noor"', '"point"')}
[device.scale]
driver = "mtsics"
port = "/dev/pts/5"

[device.reader]
driver = "rdm6300"
port = "/dev/pts/6"

[device.roof]
driver = "s0"
port = "gpio:17"
"""
KIOSK = {
    "scale": '"scale"',
    "readers": '["reader"]',
    "card_key": '"card.key"',
    "stewards": f'["{KEY}"]',
    "screen": '"127.0.0.1:7090"',
    "pin": '"operator.pin"',
    "division": '"5 g"',
    "language": '"en"',
    "steady": '"clock"',
    "crates": '{ blue = { tare = "1.5 kg", nl = "blauwe krat", en = "blue crate" } }',
    "containers": '{ glass = "800 kg" }',
    "panel": "{ buttons = { glass = 27 }, green = 5, buzzer = 19 }",
}


def point_toml(changes: dict[str, str | None]) -> str:
    keys = KIOSK | changes
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    return "\n".join([POINT, "[kiosk]", *lines, ""])


def test_a_recycling_point_has_all_its_keys(tmp_path: Path) -> None:
    kiosk = config.load(write(tmp_path, point_toml({}))).kiosk
    assert kiosk is not None
    assert kiosk.readers == ("reader",)
    assert (kiosk.card_key, kiosk.pin) == (tmp_path / "card.key", tmp_path / "operator.pin")
    assert mass_mg(kiosk.crates["blue"].tare) == 1_500_000
    assert kiosk.panel is not None
    assert (kiosk.panel.buttons, kiosk.panel.red) == ({"glass": 27}, None)


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"scale": '"hall"'}, "scale", "'hall', a p1, weighs nothing"),
        ({"scale": '"roof"'}, "scale", "'roof', a s0, weighs nothing"),
        ({"readers": '["reader", "qr"]'}, "readers.1", "no device is called 'qr'"),
        ({"readers": '["scale"]'}, "readers.0", "'scale', a mtsics, reads no cards"),
        ({"screen": '"0.0.0.0:7090"'}, "screen", "'0.0.0.0:7090' can be reached from other"),
        ({"screen": '"10.0.0.5:7090"'}, "screen", "'10.0.0.5:7090' can be reached from other"),
        ({"screen": '"kiosk"'}, "screen", "'kiosk' is not an address and a port"),
        ({"screen": '"localhost:70000"'}, "screen", "'localhost:70000' is not an address and"),
        ({"screen": '"127.0.0.1:7081"'}, "screen", "'127.0.0.1:7081' is the address of the page"),
        ({"screen": None, "panel": None}, "", "no screen and no buttons"),
        ({"screen": None, "panel": "{ green = 5 }"}, "", "no screen and no buttons"),
        ({"screen": None, "readers": "[]"}, "", "no screen and no reader"),
        ({"stewards": '["short"]'}, "stewards.0", "'short' is not 32 bytes in base64url"),
        ({"stewards": "[]"}, "stewards", "tuple should have at least 1 item"),
        ({"stewards": None}, "stewards", "the key 'stewards' is missing"),
        ({"division": '"5 lb"'}, "division", "'5 lb' is no mass"),
        ({"division": '"0 g"'}, "division", "'0 g' is no mass"),
        ({"crates": '{ a = { tare = "1,5 kg", nl = "", en = "" } }'}, "crates.a.tare", "'1,5 kg'"),
        ({"crates": '{ a = { tare = "1 kg", nl = "" } }'}, "crates.a.en", "the key 'en' is"),
        ({"containers": '{ glass = "full" }'}, "containers.glass", "'full' is no mass"),
        ({"language": '"fy"'}, "language", "input should be 'nl' or 'en', not 'fy'"),
        ({"steady": '"never"'}, "steady", "input should be 'scale' or 'clock', not 'never'"),
        ({"panel": "{ green = 28 }"}, "panel.green", "input should be less than or equal to 27"),
        ({"panel": "{ green = 5, red = 5 }"}, "panel.red", "pin 5 has 'green' already"),
        (
            {"panel": "{ buttons = { glass = 6, paper = 6 } }"},
            "panel.buttons.paper",
            "pin 6 has 'glass' already",
        ),
        ({"panel": "{ cancel = 17 }"}, "panel.cancel", "pin 17 has the device 'roof' already"),
        ({"panel": '{ green = "5" }'}, "panel.green", "input should be a valid integer"),
        ({"fractions": "{}"}, "fractions", "unknown key 'fractions'"),
    ],
)
def test_a_mistake_in_a_recycling_point_stands_with_its_line(
    tmp_path: Path, changes: dict[str, str | None], where: str, what: str
) -> None:
    text = point_toml(changes)
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    (problem,) = caught.value.problems
    place, _, key = problem.where.partition(": ")
    assert key == f"kiosk.{where}".removesuffix(".")
    assert problem.what.startswith(what)
    number = int(place.rpartition(" ")[2])
    assert text.splitlines()[number - 1].partition(" ")[0] in {where.partition(".")[0], "[kiosk]"}
    assert problem.try_


def test_a_point_without_a_reader_needs_a_screen(tmp_path: Path) -> None:
    kiosk = config.load(write(tmp_path, point_toml({"readers": "[]"}))).kiosk
    assert kiosk is not None
    assert kiosk.readers == ()


@pytest.mark.parametrize(
    ("text", "mass"),
    [
        ("1.5 kg", 1_500_000),
        ("5 g", 5_000),
        ("0.1 g", 100),
        ("0.001 g", 1),
        ("100 t", 100_000_000_000),
        ("20 mg", 20),
    ],
)
def test_a_mass_is_exact(text: str, mass: int) -> None:
    assert mass_mg(text) == mass


@pytest.mark.parametrize("text", ["0.0001 g", "101 t", "-1 kg", "1e3 g", "", "1 kg ", "\u0661 g"])
def test_what_is_no_mass_above_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no mass such as"):
        mass_mg(text)


@pytest.mark.parametrize(
    ("panel", "near"),
    [("{ buzer = 19 }", "did you mean buzzer?"), ("{ x = 3 }", "known here: amber, buttons, ")],
)
def test_an_unknown_key_is_near_to_those_of_its_own_table(
    tmp_path: Path, panel: str, near: str
) -> None:
    with pytest.raises(ConfigError) as told:
        config.load(write(tmp_path, point_toml({"panel": panel})))
    (problem,) = told.value.problems
    assert problem.try_.startswith(near)


def test_who_is_in_another_folder_than_the_service_is_told_how_to_be_in_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "SERVICES", tmp_path / "lib")
    with pytest.raises(ConfigError) as alone:
        config.load(Path("gateway.toml"))
    assert "meterkast discover --write makes it" in alone.value.problems[0].try_
    (tmp_path / "lib/meterkast-gateway").mkdir(parents=True)
    with pytest.raises(ConfigError) as beside:
        config.load(Path("gateway.toml"))
    (problem,) = beside.value.problems
    assert f"{tmp_path}/gateway.toml" == problem.where
    expected = "the service's own: sudo meterkast-gateway in place of meterkast; or --config FILE"
    assert expected == problem.try_
    with pytest.raises(ConfigError) as own:
        config.load(tmp_path / "lib/meterkast-gateway/gateway.toml")
    assert "meterkast discover --write makes it" in own.value.problems[0].try_


def test_a_line_that_was_added_twice_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, 'page = "127.0.0.1:7081"\npage = "127.0.0.1:7081"\n'))
    (problem,) = caught.value.problems
    assert "not TOML: this key stands there twice (at line 2, column 24)" == problem.what
