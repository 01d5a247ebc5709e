"""Adapters that say the same of themselves get names by their sockets, from a /sys of files."""

from pathlib import Path

import pytest

from gateway.lines import portnames
from gateway.tools import udev
from gateway.tools.udev import Socket

HUB = "platform-3f980000.usb-usb-0"
CH340 = "1a86_USB_Serial"


def plug(root: Path, port: str, *, path: str, serial: str = CH340, number: str = "0") -> None:
    """An adapter as sysfs and udev's database show it; `number` "" of one that is no usb-serial."""
    minor = 188 * 1000 + len(list(root.glob("sys/class/tty/*")))
    device = root / "sys/class/tty" / port
    (device / "device").mkdir(parents=True)
    (device / "dev").write_text(f"{minor // 1000}:{minor % 1000}\n")
    if number:
        (device / "device/port_number").write_text(f"{number}\n")
    database = root / "run/udev/data" / f"c{minor // 1000}:{minor % 1000}"
    database.parent.mkdir(parents=True, exist_ok=True)
    database.write_text(
        f"S:serial/by-path/{path}-port0\nI:12345\nE:ID_BUS=usb\nE:ID_SERIAL={serial}\n"
        f"E:ID_USB_INTERFACE_NUM=00\nE:ID_PATH={path}\nG:systemd\n"
    )


def rules(root: Path) -> str:
    """The file as it would be written now."""
    same = udev.alike(udev.adapters(root))
    return udev.planned(udev.named(same, udev.existing(root)), root).text


def of_sockets(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def write(root: Path) -> None:
    file = root / udev.RULES
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(rules(root))


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    plug(tmp_path, "ttyUSB0", path=f"{HUB}:1.3:1.0")
    plug(tmp_path, "ttyUSB1", path=f"{HUB}:1.2:1.0")
    return tmp_path


def test_two_adapters_that_say_the_same_are_told_apart_by_their_sockets(twins):
    assert [
        'SUBSYSTEM=="tty", ENV{ID_PATH}=="platform-3f980000.usb-usb-0:1.2:1.0", '
        'ATTRS{port_number}=="0", SYMLINK+="meterkast/usb-1.2"',
        'SUBSYSTEM=="tty", ENV{ID_PATH}=="platform-3f980000.usb-usb-0:1.3:1.0", '
        'ATTRS{port_number}=="0", SYMLINK+="meterkast/usb-1.3"',
    ] == of_sockets(rules(twins))


def test_adapters_with_serial_numbers_of_their_own_need_no_rule(tmp_path):
    plug(tmp_path, "ttyUSB0", path=f"{HUB}:1.3:1.0", serial="FTDI_FT232R_USB_UART_A50285BI")
    plug(tmp_path, "ttyUSB1", path=f"{HUB}:1.2:1.0", serial="FTDI_FT232R_USB_UART_A900XYZ1")
    assert [] == udev.alike(udev.adapters(tmp_path))


def test_one_serial_number_on_two_adapters_is_no_difference(tmp_path):
    # As makers of CP2102 adapters leave it.
    plug(tmp_path, "ttyUSB0", path=f"{HUB}:1.3:1.0", serial="Silicon_Labs_CP2102_0001")
    plug(tmp_path, "ttyUSB1", path=f"{HUB}:1.2:1.0", serial="Silicon_Labs_CP2102_0001")
    assert ["/dev/ttyUSB0", "/dev/ttyUSB1"] == [
        one.port for one in udev.alike(udev.adapters(tmp_path))
    ]


def test_the_ports_of_one_adapter_are_different_ports(tmp_path):
    plug(tmp_path, "ttyUSB0", path=f"{HUB}:1.3:1.0", number="0")
    plug(tmp_path, "ttyUSB1", path=f"{HUB}:1.3:1.0", number="1")
    assert [] == udev.alike(udev.adapters(tmp_path))


def test_a_port_that_is_no_usb_serial_has_no_number_to_ask_for(tmp_path):
    plug(tmp_path, "ttyACM0", path=f"{HUB}:1.3:1.0", number="")
    plug(tmp_path, "ttyACM1", path=f"{HUB}:1.2:1.0", number="")
    assert 'SUBSYSTEM=="tty", ENV{ID_PATH}=="platform-3f980000.usb-usb-0:1.2:1.0", SYMLINK+=' in (
        rules(tmp_path)
    )


def test_the_same_socket_of_two_controllers_gets_two_names(tmp_path):
    # A Raspberry Pi 5 has two.
    plug(tmp_path, "ttyUSB0", path="platform-xhci-hcd.0-usb-0:1:1.0")
    plug(tmp_path, "ttyUSB1", path="platform-xhci-hcd.1-usb-0:1:1.0")
    write(tmp_path)
    assert {
        Socket("platform-xhci-hcd.0-usb-0:1:1.0", "0"): "usb-1",
        Socket("platform-xhci-hcd.1-usb-0:1:1.0", "0"): "usb-1-2",
    } == udev.existing(tmp_path)


def test_a_name_that_was_changed_stays_and_so_does_one_that_is_unplugged(twins):
    write(twins)
    file = twins / udev.RULES
    file.write_text(file.read_text().replace("usb-1.3", "hall"))
    plug(twins, "ttyUSB2", path=f"{HUB}:1.4:1.0")
    (twins / "sys/class/tty/ttyUSB1/dev").unlink()  # the one in 1.2
    assert ["usb-1.2", "hall", "usb-1.4"] == [
        line.rpartition("meterkast/")[2].strip('"') for line in of_sockets(rules(twins))
    ]


def test_what_somebody_else_wrote_into_the_file_stays(twins):
    file = twins / udev.RULES
    file.parent.mkdir(parents=True)
    own = 'KERNEL=="ttyS3", GROUP="scale"  # ours'
    file.write_text(f"{own}\n")
    write(twins)
    assert [own] == of_sockets(file.read_text())[2:]
    before = file.read_text()
    write(twins)
    assert before == file.read_text()


def test_a_name_of_a_rule_is_taken_in_the_settings_and_a_bare_one_is_not():
    assert portnames.refuse("/dev/meterkast/hall", None) is None
    assert portnames.refuse("/dev/ttyUSB0", None) is not None


def test_no_adapter_at_all_is_told_with_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(udev, "adapters", lambda: iter(()))
    with pytest.raises(udev.Unreachable) as told:
        udev.udev()
    assert "there is no serial adapter" == told.value.problems[0].what


def test_the_rule_is_written_and_says_which_port_is_which(twins, monkeypatch, capsys):
    monkeypatch.setattr(udev, "adapters", lambda root=twins, look=udev.adapters: look(root))
    monkeypatch.setattr(udev, "existing", lambda root=twins, look=udev.existing: look(root))
    monkeypatch.setattr(udev, "planned", lambda names, look=udev.planned: look(names, twins))
    assert 0 == udev.udev(yes=True)
    assert '/dev/ttyUSB0: port = "/dev/meterkast/usb-1.3"' in capsys.readouterr().out
    assert 2 == len(udev.existing(twins))
