"""Debian itself is upgraded, from 12 to 13, under a gateway that was installed for 12.

As in test_packages.py, and with a mirror of Debian; only in `make soak`.
"""

import os
import re
import shutil

import pytest

from tests import debians
from tests.debians import PACKED, SUITES, System

GATEWAY = "meterkast-gateway"
BEFORE, AFTER = SUITES["bookworm"], SUITES["trixie"]
UPGRADE = f"""\
sed -i s/{BEFORE.name}/{AFTER.name}/g /etc/apt/sources.list
apt-get -qq update
apt-get -qq full-upgrade -o Dpkg::Options::=--force-confold
apt-get -qq autoremove
"""
RUNS = "for n in $(seq 20); do systemctl is-active meterkast-gateway && break; sleep 1; done\n"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes Debian systems"),
]


def test_a_gateway_runs_on_and_takes_the_package_for_the_new_debian(tmp_path, packages_for, part):
    base = debians.make(part("mmdebstrap"), BEFORE, tmp_path / "base.tar", PACKED)
    system = System(debians.unpack(base, tmp_path / "root"), packages_for(BEFORE)[GATEWAY])
    newer = tmp_path / "root/root" / "newer.deb"
    shutil.copy(packages_for(AFTER)[GATEWAY], newer)
    shutil.copy("/etc/resolv.conf", tmp_path / "root/etc/resolv.conf")
    system.say(f"apt-get install -qq ./dist/{GATEWAY}_*.deb")
    system.write(
        "var/lib/meterkast-gateway/gateway.toml",
        'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "tcp://127.0.0.1:9"\n',
    )
    # Not before its time.
    early = system.run("/usr/bin/meterkast update newer.deb")
    assert "pre-depends on python3.13" in early.stderr
    system.say(UPGRADE)
    python = "/opt/meterkast-gateway/current/bin/python --version\n"
    said = system.boot(f"{RUNS}{python}meterkast update /root/newer.deb\n{RUNS}{python}")
    expected = "active Python 3.11 0.1.0-1 runs, and stays active Python 3.13"
    assert expected == re.sub(r"(Python 3\.\d+)\.\d+", r"\1", " ".join(said.splitlines()))
    # The Python of the version before goes with what nobody needs any more, and so the way back.
    system.say("apt-get -qq autoremove")
    assert "before: none" in system.say("meterkast update").splitlines()
