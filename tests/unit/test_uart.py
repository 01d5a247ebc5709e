"""The port of the header of a Pi 3, 4 and 5, as the doctor reads it from a Pi's files."""

from pathlib import Path

import pytest

from gateway import config as files
from gateway.contract.clock import SystemClock
from gateway.doctor import ports, uart
from gateway.doctor.patient import Finding, Patient

PI_3 = "Raspberry Pi 3 Model B Plus Rev 1.3"
PI_4 = "Raspberry Pi 4 Model B Rev 1.4"
PI_5 = "Raspberry Pi 5 Model B Rev 1.0"
ZERO = "Raspberry Pi Zero Rev 1.3"
CONFIG, CMDLINE = "boot/firmware/config.txt", "boot/firmware/cmdline.txt"
TEXT = "console=tty1 root=PARTUUID=4c4e106f-02 rootfstype=ext4 rootwait\n"


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pi(root: Path, model: str, *, links: dict[str, str], config: str = "", line: str = "") -> Path:
    """The files of a Pi: `links` are names under /dev and where they lead."""
    plant(root, "proc/device-tree/model", f"{model}\0")
    plant(root, CONFIG, config)
    for place in ("proc/cmdline", CMDLINE):
        plant(root, place, line + TEXT)
    for name, real in links.items():
        plant(root, f"dev/{real}", "")
        if name != real:
            (root / "dev" / name).symlink_to(real)
    return root


def examined(root: Path, port: str) -> list[Finding]:
    patient = Patient(root, files.Config.model_construct(), SystemClock(), root=root)
    return list(uart.examine(patient, port))


def test_a_pi_4_with_bluetooth_off_has_its_full_uart_on_the_header(tmp_path):
    root = pi(
        tmp_path,
        PI_4,
        links={"serial0": "ttyAMA0"},
        config="[all]\nenable_uart=1\ndtoverlay=disable-bt\n",
    )
    assert [("ttyAMA0 is on the header, pins 8 and 10", PI_4, "")] == examined(root, "/dev/serial0")


@pytest.mark.parametrize("model", [PI_3, PI_4, "Raspberry Pi Zero 2 W Rev 1.0"])
def test_the_mini_uart_is_told_with_the_overlay_that_helps(tmp_path, model):
    root = pi(tmp_path, model, links={"serial0": "ttyS0"}, config="enable_uart=1\n")
    (finding,) = examined(root, "/dev/serial0")
    assert "this is the mini UART: no parity, and a speed that follows the processor's clock" == (
        finding.what
    )
    assert "/boot/firmware/config.txt" == finding.where
    assert "dtoverlay=disable-bt in /boot/firmware/config.txt, and restart" == finding.try_


def test_settings_that_wait_for_a_restart_are_not_asked_for_again(tmp_path):
    config = "enable_uart=1\ndtoverlay=disable-bt\n"
    root = pi(tmp_path, PI_4, links={"serial0": "ttyS0"}, config=config)
    assert ["restart"] == [finding.try_ for finding in examined(root, "/dev/serial0")]


# What Raspberry Pi OS 12 and 13 come with, shortened to what has a say here.
AS_IT_COMES = """\
# For more options and information see
# http://rptl.io/configtxt
#dtparam=i2c_arm=on
dtparam=audio=on
dtoverlay=vc4-kms-v3d
arm_boost=1

[cm4]
otg_mode=1

[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
"""
BOTH = "enable_uart=1 and dtoverlay=disable-bt"


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        pytest.param("", BOTH, id="empty"),
        pytest.param(AS_IT_COMES, BOTH, id="as-it-comes"),
        pytest.param(f"{AS_IT_COMES}enable_uart=1\ndtoverlay=disable-bt\n", "", id="at-its-end"),
        pytest.param("#enable_uart=1\n# dtoverlay=disable-bt\n", BOTH, id="comments"),
        pytest.param("enable_uart=1\ndtoverlay=miniuart-bt,krnbt=on\n", "", id="with-parameter"),
        pytest.param("enable_uart=1\ndtoverlay=pi3-disable-bt\n", "", id="older-name"),
        pytest.param("enable_uart=1\n  dtoverlay=disable-bt\r\n", "", id="indented"),
        pytest.param(
            "enable_uart=1\ndtoverlay=disable-bt # meter\n", "dtoverlay=disable-bt", id="no-comment"
        ),
        pytest.param("enable_uart=1\ndtoverlay=disable-btx\n", "dtoverlay=disable-bt", id="other"),
        pytest.param(
            "enable_uart=1\ndtoverlay=disable-bt\nenable_uart=0\n", "enable_uart=1", id="off-later"
        ),
        pytest.param("enable_uart=0\ndtoverlay=disable-bt\nenable_uart=1\n", "", id="on-later"),
        pytest.param("[pi5]\nenable_uart=1\ndtoverlay=disable-bt\n", BOTH, id="another-pi"),
        pytest.param("[pi4]\nenable_uart=1\ndtoverlay=disable-bt\n", "", id="this-pi"),
        pytest.param(
            "[pi5]\nenable_uart=1\n[pi4]\ndtoverlay=disable-bt\n", "enable_uart=1", id="replaced"
        ),
        pytest.param("[pi400]\nenable_uart=1\ndtoverlay=disable-bt\n", BOTH, id="a-400"),
        pytest.param("[none]\n[pi4]\nenable_uart=1\ndtoverlay=disable-bt\n", BOTH, id="none"),
        pytest.param(
            "[gpio4=1]\nenable_uart=1\n[all]\ndtoverlay=disable-bt\n", "enable_uart=1", id="a-pin"
        ),
        pytest.param("include ports.txt\n", "", id="included"),
        pytest.param("[pi5]\ninclude ports.txt\n", BOTH, id="included-for-another"),
        pytest.param("include config.txt\n", BOTH, id="included-without-end"),
        pytest.param("include nowhere.txt\n", BOTH, id="included-nothing"),
    ],
)
def test_what_config_txt_lacks_on_a_pi_4_is_asked_for(tmp_path, config, wanted):
    root = pi(tmp_path, PI_4, links={}, config=config)
    plant(root, "boot/firmware/ports.txt", "enable_uart=1\ndtoverlay=disable-bt\n")
    (finding,) = examined(root, "/dev/serial0")
    asked = f"{wanted} in /boot/firmware/config.txt, and restart" if wanted else "restart"
    assert asked == finding.try_


@pytest.mark.parametrize(
    ("config", "is_on"),
    [
        pytest.param(f"{AS_IT_COMES}enable_uart=1\n", False, id="as-for-a-pi-4"),
        pytest.param("dtparam=uart0=on\n", True, id="on"),
        pytest.param("dtparam=uart0\n", True, id="no-value"),
        pytest.param("dtparam=i2c_arm=on,uart0=1\n", True, id="in-a-list"),
        pytest.param("dtparam=uart0_console\n", True, id="with-console"),
        pytest.param("dtoverlay=uart0-pi5\n", True, id="overlay"),
        pytest.param("device_tree_param=uart0=yes\n", True, id="long-name"),
        pytest.param("dtparam=uart0=off\n", False, id="off"),
        pytest.param("dtparam=uart0=on\ndtparam=uart0=off\n", False, id="off-later"),
        pytest.param("dtparam=uart00=on\n", False, id="other"),
        pytest.param("[cm5]\ndtparam=uart0=on\n", False, id="a-compute-module"),
        pytest.param("[pi5]\ndtparam=uart0=on\n", True, id="this-pi"),
    ],
)
def test_what_config_txt_lacks_on_a_pi_5_is_asked_for(tmp_path, config, is_on):
    (finding,) = examined(pi(tmp_path, PI_5, links={}, config=config), "/dev/ttyAMA0")
    asked = "restart" if is_on else "dtparam=uart0=on in /boot/firmware/config.txt, and restart"
    assert asked == finding.try_


@pytest.mark.parametrize(
    ("model", "seen"),
    [
        ("Raspberry Pi Model B Plus Rev 1.2", {"pi1"}),
        ("Raspberry Pi Compute Module Rev 1.0", {"pi1", "cm1"}),
        ("Raspberry Pi 2 Model B Rev 1.1", {"pi2"}),
        (PI_3, {"pi3", "pi3+"}),
        ("Raspberry Pi 3 Model B Rev 1.2", {"pi3"}),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", {"pi3", "cm3", "cm3+"}),
        (PI_4, {"pi4"}),
        ("Raspberry Pi 400 Rev 1.0", {"pi4", "pi400"}),
        ("Raspberry Pi Compute Module 4 Rev 1.0", {"pi4", "cm4"}),
        ("Raspberry Pi Compute Module 4S Rev 1.0", {"pi4", "cm4s"}),
        (PI_5, {"pi5"}),
        ("Raspberry Pi 500 Rev 1.0", {"pi5", "pi500"}),
        ("Raspberry Pi Compute Module 5 Lite Rev 1.0", {"pi5", "cm5"}),
        (ZERO, {"pi0"}),
        ("Raspberry Pi Zero W Rev 1.1", {"pi0", "pi0w"}),
        ("Raspberry Pi Zero 2 W Rev 1.0", {"pi0", "pi0w", "pi02"}),
    ],
)
def test_a_pi_sees_the_sections_of_its_own_kinds(model, seen):
    lines = [line for section in uart.MODELS for line in (f"[{section}]", section)]
    assert seen == set(uart._valid(lines, model))


def test_a_further_port_is_not_said_to_be_on_pins_8_and_10(tmp_path):
    root = pi(tmp_path, PI_4, links={"ttyAMA3": "ttyAMA3"}, config="dtoverlay=uart3\n")
    assert [("ttyAMA3 is a further port of this Pi", PI_4, "")] == examined(root, "/dev/ttyAMA3")
    (finding,) = examined(root, "/dev/ttyAMA5")
    assert "/dev/ttyAMA5 is not there" == finding.what
    assert finding.try_.startswith("its overlay (dtoverlay -a | grep uart) in /boot/firmware/")


def test_a_pi_without_bluetooth_has_its_full_uart_on_the_header(tmp_path):
    root = pi(tmp_path, ZERO, links={"serial0": "ttyAMA0", "ttyS0": "ttyS0"})
    assert [False] == [finding.is_wrong for finding in examined(root, "/dev/ttyAMA0")]
    (finding,) = examined(root, "/dev/ttyS0")
    assert "/dev/ttyS0 is not on the header of this Pi" == finding.what
    assert 'port = "/dev/serial0"' == finding.try_


def test_the_name_of_the_mini_uart_is_no_longer_the_headers_after_the_restart(tmp_path):
    root = pi(tmp_path, PI_4, links={"serial0": "ttyS0"})
    (finding,) = examined(root, "/dev/ttyS0")
    assert finding.try_.endswith('and restart; port = "/dev/serial0"')


def test_what_the_header_has_now_is_believed_over_settings_that_wait(tmp_path):
    config = "enable_uart=1\ndtoverlay=disable-bt\n"
    root = pi(tmp_path, PI_4, links={"serial0": "ttyS0", "ttyAMA0": "ttyAMA0"}, config=config)
    (finding,) = examined(root, "/dev/ttyAMA0")
    assert "/dev/ttyAMA0 is where this Pi has its Bluetooth" == finding.what
    assert 'restart; port = "/dev/serial0"' == finding.try_


def test_bluetooths_port_is_not_the_headers(tmp_path):
    root = pi(tmp_path, PI_3, links={"serial0": "ttyS0", "serial1": "ttyAMA0"})
    (finding,) = examined(root, "/dev/ttyAMA0")
    assert "/dev/ttyAMA0 is where this Pi has its Bluetooth" == finding.what
    assert finding.try_.endswith('and restart; port = "/dev/serial0"')


def test_the_debugging_plug_of_a_pi_5_is_told(tmp_path):
    root = pi(tmp_path, PI_5, links={"serial0": "ttyAMA10"})
    (finding,) = examined(root, "/dev/serial0")
    assert "/dev/serial0 leads to the debugging plug of this Pi" == finding.what
    assert (
        'dtparam=uart0=on in /boot/firmware/config.txt, and restart; port = "/dev/ttyAMA0"'
        == finding.try_
    )


def test_a_console_on_the_debugging_plug_does_not_disturb_the_header(tmp_path):
    line = "console=ttyAMA10,115200 "
    links = {"serial0": "ttyAMA10", "ttyAMA0": "ttyAMA0"}
    root = pi(tmp_path, PI_5, links=links, config="dtparam=uart0=on\n", line=line)
    assert [False] == [finding.is_wrong for finding in examined(root, "/dev/ttyAMA0")]


@pytest.mark.parametrize(
    ("model", "port", "wanted"),
    [
        pytest.param(PI_5, "/dev/ttyAMA0", "dtparam=uart0=on", id="pi-5"),
        pytest.param(PI_4, "/dev/serial0", "enable_uart=1 and dtoverlay=disable-bt", id="pi-4"),
        pytest.param(ZERO, "/dev/serial0", "enable_uart=1", id="zero"),
    ],
)
def test_a_port_that_is_off_is_told_with_what_switches_it_on(tmp_path, model, port, wanted):
    (finding,) = examined(pi(tmp_path, model, links={}), port)
    assert f"{port} is not there: the header's port is off" == finding.what
    assert f"{wanted} in /boot/firmware/config.txt, and restart" == finding.try_


@pytest.mark.parametrize(
    "console", ["console=serial0,115200", "console=ttyAMA0,115200"], ids=["link", "name"]
)
def test_a_console_on_the_port_is_found(tmp_path, console):
    root = pi(tmp_path, ZERO, links={"serial0": "ttyAMA0"}, line=f"{console} ")
    (finding,) = examined(root, "/dev/serial0")
    assert f"the kernel talks on this port itself: {console}" == finding.what
    assert "/boot/firmware/cmdline.txt" == finding.where
    assert finding.try_.startswith("raspi-config: no login shell over serial")


def test_a_console_that_comes_with_the_next_restart_is_found(tmp_path):
    root = pi(tmp_path, ZERO, links={"serial0": "ttyAMA0"})
    plant(root, CMDLINE, f"console=serial0,115200 {TEXT}")
    (finding,) = examined(root, "/dev/serial0")
    assert (
        "the kernel will talk, after a restart, on this port itself: console=serial0,115200"
        == finding.what
    )


def test_a_login_on_the_port_is_found(tmp_path):
    root = pi(tmp_path, ZERO, links={"serial0": "ttyAMA0"})
    unit = "etc/systemd/system/getty.target.wants/serial-getty@ttyAMA0.service"
    plant(root, "lib/systemd/system/serial-getty@.service", "")
    (root / unit).parent.mkdir(parents=True)
    (root / unit).symlink_to("/lib/systemd/system/serial-getty@.service")
    (finding,) = examined(root, "/dev/serial0")
    assert "a login waits on this port" == finding.what
    assert f"/{unit}" == finding.where
    assert "sudo systemctl disable --now serial-getty@ttyAMA0.service" == finding.try_


def test_a_card_of_an_older_system_has_its_settings_elsewhere(tmp_path):
    root = pi(tmp_path, ZERO, links={})
    (root / CONFIG).rename(root / "boot/config.txt")
    (finding,) = examined(root, "/dev/serial0")
    assert "/boot/config.txt" == finding.where


@pytest.mark.parametrize("port", ["/dev/serial/by-id/usb-FTDI-if00-port0", "/dev/ttyUSB0"])
def test_an_adapter_is_no_port_of_the_header(tmp_path, port):
    assert [] == examined(pi(tmp_path, PI_4, links={}), port)


def test_a_laptop_has_no_header(tmp_path):
    plant(tmp_path, "dev/ttyS0", "")
    assert [] == examined(tmp_path, "/dev/ttyS0")


def test_two_adapters_under_one_name_are_found(tmp_path):
    for n in (0, 1):
        plant(tmp_path, f"sys/class/tty/ttyUSB{n}/dev", f"188:{n}\n")
        plant(
            tmp_path,
            f"run/udev/data/c188:{n}",
            f"E:ID_SERIAL=1a86_USB\nE:ID_USB_INTERFACE_NUM=00\nE:ID_PATH=usb-0:1.{n}:1.0\n",
        )
    patient = Patient(tmp_path, files.Config.model_construct(), SystemClock(), root=tmp_path)
    (finding,) = ports._twins(patient, "/dev/serial/by-id/usb-1a86_USB-if00")
    assert "/dev/ttyUSB0 and /dev/ttyUSB1 both have this name, which leads to either" == (
        finding.what
    )
    assert "sudo meterkast install udev, with both plugged in" == finding.try_
    assert [] == list(ports._twins(patient, "/dev/serial/by-id/usb-FTDI-if00-port0"))
