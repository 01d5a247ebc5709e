"""The page for installing: what it says of commands and of a Pi's header is what they are.

Its commands are run in fresh systems by tests/system/test_packages.py.
"""

import re

import pytest

from gateway import cli
from gateway.doctor.uart import _Pi
from tests.docs.test_pages import DOCS, ROOT, blocks

PAGE = DOCS / "install.md"


def test_the_commands_of_the_page_are_commands():
    named = re.findall(
        r"meterkast(?:-gateway|-bridge)? ([a-z]+)\b", "\n".join(blocks(PAGE, "bash"))
    )
    assert {"check", "discover", "doctor", "hub"} == set(named)
    assert set(named) <= cli.COMMANDS.keys()
    assert "\ndeb: " in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    ("row", "model"),
    [
        pytest.param("1, 2, Zero", "Raspberry Pi Zero Rev 1.3", id="zero"),
        pytest.param("1, 2, Zero", "Raspberry Pi 2 Model B Rev 1.1", id="pi-2"),
        pytest.param("3, 4, Zero W, Zero 2 W", "Raspberry Pi 4 Model B Rev 1.4", id="pi-4"),
        pytest.param("3, 4, Zero W, Zero 2 W", "Raspberry Pi Zero 2 W Rev 1.0", id="zero-2-w"),
        pytest.param("5", "Raspberry Pi 5 Model B Rev 1.0", id="pi-5"),
    ],
)
def test_the_page_switches_the_header_on_as_the_doctor_says(tmp_path, row, model):
    line = re.search(rf'^\| {row} \| (.+) \| `"(.+)"` \|$', PAGE.read_text(), re.MULTILINE)
    told, port = line[1].replace("`", ""), line[2]
    expected = f"{told} in /boot/firmware/config.txt, and restart"
    assert expected == _Pi(tmp_path, model).missing(port).try_
