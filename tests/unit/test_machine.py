"""What a Pi tells of its warmth and its voltage, and what other machines do not."""

from pathlib import Path

import pytest

from gateway.health import machine


def planted(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_laptop_tells_neither_warmth_nor_voltage(tmp_path):
    told = machine.look(tmp_path, root=tmp_path)
    assert (None, None) == (told.temperature_mc, told.has_under_voltage)
    assert told.disk_free_bytes > 0


def test_warmth_is_in_thousandths_of_a_degree(tmp_path):
    planted(tmp_path, sys__class__thermal__thermal_zone0__temp="48312\n")
    assert 48_312 == machine.look(tmp_path, root=tmp_path).temperature_mc


@pytest.mark.parametrize(("alarm", "expected"), [("1\n", True), ("0\n", False), ("x", None)])
def test_the_voltage_monitor_of_a_pi_is_asked(tmp_path, alarm, expected):
    planted(
        tmp_path,
        sys__class__hwmon__hwmon0__name="cpu_thermal\n",
        sys__class__hwmon__hwmon1__name="rpi_volt\n",
        sys__class__hwmon__hwmon1__in0_lcrit_alarm=alarm,
    )
    assert expected is machine.look(tmp_path, root=tmp_path).has_under_voltage


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        pytest.param("50005\n", True, id="now and before"),
        pytest.param("50000\n", False, id="only before"),
        pytest.param("0\n", False, id="never"),
    ],
)
def test_older_kernels_tell_the_firmwares_bits(tmp_path, bits, expected):
    path = tmp_path / machine.THROTTLED
    path.parent.mkdir(parents=True)
    path.write_text(bits)
    assert expected is machine.look(tmp_path, root=tmp_path).has_under_voltage
