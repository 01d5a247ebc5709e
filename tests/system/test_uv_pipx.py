"""The second way of the page for installing: by uv and by pipx in fresh Debians, run by systemd.

Only in `make soak`, as tests/system/test_packages.py.
"""

import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import debians
from tests.debians import BUILDING, HOUSE, PACKED, Suite, System
from tests.system import test_packages as packaged
from tests.system.test_packages import block

pytestmark = packaged.pytestmark

# What no network brings there.
OFFLINE = (
    "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels UV_OFFLINE=1 UV_NO_INDEX=1 UV_FIND_LINKS=/wheels"
)
# A gateway's part and a hub's, here on one machine; each says what makes it count.
SCRIPT = f"""\
cd /root
for part in bridge gateway; do
    sudo meterkast install systemd $part --yes > written
    sed -n 's/^then: //p' written > then
    bash -euxc "$(cat then)"
done
meterkast-bridge hub init . --community zonstraat > told
systemctl enable --now meterkast-broker
systemctl start meterkast-bridge
bridge_key=$(sed -n 's/.*bridge_key = "\\(.*\\)"/\\1/p' told)
runuser -u nobody -- meterkast sim p1 --http 127.0.0.1:9001 &
{packaged.HOUSE}
meterkast-gateway check
systemctl start meterkast-gateway
for n in $(seq 60); do
    meterkast-bridge hub gateways | grep "online .*evidence-" && break
    sleep 1
done
meterkast-gateway doctor || true
systemctl start meterkast-verify
cd /
for unit in gateway bridge broker verify; do
    echo $unit $(systemctl is-enabled meterkast-$unit) $(systemctl show -P Result meterkast-$unit)
done
systemctl is-active meterkast-gateway meterkast-bridge meterkast-broker meterkast-verify.timer
readlink /proc/$(systemctl show -P MainPID meterkast-gateway)/cwd
"""


@pytest.fixture
def debian(suite: Suite, tmp_path: Path, part: Callable[[str], str]) -> System:
    """A fresh system with this source tree, and in it uv and pipx."""
    archive = debians.make(part("mmdebstrap"), suite, tmp_path / "root.tar", f"{PACKED},{BUILDING}")
    system = System(debians.unpack(archive, tmp_path / "root"))
    debians.source(system.root / "source")
    wheels, machine = system.root / "wheels", platform.machine()
    debians.fetch(wheels, suite, machine, "bridge", "embedded", "fast", "grafana", "page", "pi")
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--dest", wheels]
    tools = ["pip", "pipx", "uv"]
    subprocess.run([*pip, *debians.fits(suite, machine), *tools], cwd=HOUSE, check=True)
    system.say(f"{OFFLINE}; python3 -m venv /tools && /tools/bin/pip install -q pipx uv")
    return system


@pytest.mark.parametrize(
    ("number", "program"),
    [
        pytest.param(4, "/opt/meterkast/meterkast/bin/meterkast", id="uv"),
        pytest.param(5, "/opt/pipx/venvs/meterkast/bin/meterkast", id="pipx"),
    ],
)
def test_systemd_runs_what_was_installed_as_on_the_page(debian, suite, number, program):
    pins = ",pi" if suite.has_lgpio_wheel else ""  # which the page says, too
    install = block(number).replace("[fast,page,pi]", f"[bridge,embedded,fast,grafana,page{pins}]")
    debian.say(f"{OFFLINE}; PATH=/tools/bin:$PATH; cd /source; {install}")
    assert program == debian.say("readlink -f /usr/local/bin/meterkast")
    said = debian.boot(SCRIPT)
    assert "home-noor  online " in said
    assert "the gateway runs" in said
    assert said.endswith(
        "gateway enabled success\nbridge enabled success\nbroker enabled success\n"
        "verify static success\nactive\nactive\nactive\nactive\n/var/lib/meterkast-gateway\n"
    )
