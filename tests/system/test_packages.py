"""The packages in fresh Debian systems: installed, run by systemd, updated, and taken away.

Builds both packages for each Debian (pip fetches their libraries), so only in `make soak`. Wants
root, and lintian, mmdebstrap and systemd-nspawn: apt install lintian mmdebstrap systemd-container.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import debians
from tests.debians import System
from tests.docs.test_pages import DOCS, blocks

GATEWAY, BRIDGE = "meterkast-gateway", "meterkast-bridge"
UNIT = "/usr/lib/systemd/system/meterkast-gateway.service"
# Asks as the gateway does, under the gateway's own unit.
ADJTIMEX = """\
import ctypes
print("adjtimex", ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(208)))
"""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes Debian systems"),
]


@pytest.fixture
def debian(tmp_path: Path, archive: Path, packages: dict[str, Path]) -> System:
    return System(debians.unpack(archive, tmp_path / "root"), *packages.values())


def block(number: int, page: str = "install.md") -> str:
    return blocks(DOCS / page, "bash")[number]


def again(system: System, package: str, version: str, *, edit: str = "true") -> str:
    """The package once more under another version, after `edit` in its tree; its name in /root."""
    system.say(
        f"rm -rf t && dpkg-deb -R dist/{package}_*.deb t && cd t && {edit} && "
        f"sed -i s/0.1.0-1/{version}/g DEBIAN/control DEBIAN/p*inst && "
        "find * -path DEBIAN -prune -o -type f -print0 | xargs -0 md5sum > DEBIAN/md5sums && "
        f"cd .. && dpkg-deb -Znone -b t {package}_{version}.deb && rm -rf t"
    )
    return f"/root/{package}_{version}.deb"


def test_lintian_finds_nothing_that_is_not_explained(packages, part):
    files = [str(file) for file in packages.values()]
    look = [part("lintian"), "--allow-root", "--fail-on=error,warning", *files]
    done = subprocess.run(look, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout


def test_nothing_in_a_package_is_compiled_anew_where_it_runs(tmp_path, packages):
    """Each file was compiled from its source as it is, and says so: it is not looked at again."""
    unchecked = b"\1\0\0\0"
    for name, file in packages.items():
        subprocess.run(["dpkg-deb", "-x", file, tmp_path / name], check=True)
        compiled = list((tmp_path / name).rglob("*.pyc"))
        assert len(compiled) > 1000
        assert [] == [one for one in compiled if one.read_bytes()[4:8] != unchecked]


def test_what_is_installed_runs_and_what_is_purged_leaves_nothing(debian):
    before = debian.files()
    users = debian.say("cut -d: -f1 /etc/passwd")
    debian.say("apt-get install -qq ./dist/*.deb")
    assert "0.1.0" == debian.say("meterkast --version")
    groups = debian.say("id -nG meterkast-gateway").split()
    assert {"dialout", "gpio", "input"} < set(groups)
    check = debian.run("meterkast-gateway check")
    assert (3, "error: there is no such file") == (
        check.returncode,
        check.stderr.splitlines()[0],
    )
    doctor = debian.run("meterkast-gateway doctor")
    assert (1, "1 wrong, 0 in order") == (doctor.returncode, doctor.stdout.splitlines()[-1])
    stranger = debian.run("runuser -u nobody -- meterkast-gateway check")
    assert 2 == stranger.returncode
    assert "try:   sudo meterkast-gateway check" == stranger.stderr.splitlines()[-1]
    # Every library in the environment can be loaded here.
    libraries = "find /opt/*/dist -name '*.so*' -exec ldd {} + 2>&1"
    assert "" == debian.say(f"{libraries} | grep 'not found' || true")
    debian.say("touch /var/lib/meterkast-gateway/gateway.toml")
    debian.say("apt-get remove -qq meterkast-gateway meterkast-bridge")
    assert "" == debian.say("find /opt/* 2> /dev/null || true")
    assert "gateway.toml" == debian.say("ls /var/lib/meterkast-gateway")
    debian.say("apt-get purge -qq meterkast-gateway meterkast-bridge")
    assert set() == debian.files() - before
    assert users == debian.say("cut -d: -f1 /etc/passwd")


def test_an_update_keeps_what_ran_before_beside_it(debian):
    debian.say(f"dpkg -i dist/{GATEWAY}_*.deb")
    newer = again(debian, GATEWAY, "0.1.0-2")
    debian.say(f"dpkg -i {newer}")
    here = f"/opt/{GATEWAY}"
    assert ["versions/0.1.0-2", "versions/0.1.0-1"] == debian.say(
        f"readlink {here}/current {here}/previous"
    ).split()
    # An update tool goes back by this alone.
    debian.say(f"ln -sfn versions/0.1.0-1 {here}/.current && mv -T {here}/.current {here}/current")
    assert "0.1.0" == debian.say("meterkast --version")
    third = again(debian, GATEWAY, "0.1.0-3")
    debian.say(f"dpkg -i {third}")
    assert ["0.1.0-1", "0.1.0-3"] == debian.say(f"ls {here}/versions").split()


def test_the_same_version_again_repairs_and_leaves_the_one_before(debian):
    debian.say(f"dpkg -i dist/{GATEWAY}_*.deb && dpkg -i {again(debian, GATEWAY, '0.1.0-2')}")
    damage = f"/opt/{GATEWAY}/current/lib/python3*/site-packages/gateway"
    debian.say(f"rm {damage}/cli.py {damage}/__main__.py")
    assert 0 != debian.run("meterkast --version").returncode
    debian.say(f"dpkg -i /root/{GATEWAY}_0.1.0-2.deb")
    assert "0.1.0" == debian.say("meterkast --version")
    assert ["versions/0.1.0-2.again", "versions/0.1.0-1"] == debian.say(
        f"readlink /opt/{GATEWAY}/current /opt/{GATEWAY}/previous"
    ).split()


def test_an_update_that_is_cut_off_leaves_what_ran_whole(debian):
    debian.say(f"dpkg -i dist/{GATEWAY}_*.deb")
    newer = again(debian, GATEWAY, "0.1.0-2", edit="rm -r opt/*/dist/lib/*/site-packages/rich*")
    # Unpacked, and then the power goes.
    debian.say(f"dpkg --unpack {newer}")
    assert "0.1.0" == debian.say("meterkast --version")
    assert "versions/0.1.0-1" == debian.say(f"readlink /opt/{GATEWAY}/current")
    # A half of the links, and the power goes again.
    debian.say(f"mkdir /opt/{GATEWAY}/versions/.part && touch /opt/{GATEWAY}/versions/.part/x")
    assert "0.1.0" == debian.say("meterkast --version")
    debian.say("dpkg --configure -a")
    assert "versions/0.1.0-2" == debian.say(f"readlink /opt/{GATEWAY}/current")
    assert ["0.1.0-1", "0.1.0-2"] == debian.say(f"ls -A /opt/{GATEWAY}/versions").split()


HOUSE = """\
cat > /var/lib/meterkast-gateway/gateway.toml <<END
gateway = "home-noor"
community = "zonstraat"
broker = "mqtt://localhost:1883"
bridge_key = "$bridge_key"
page = "127.0.0.1:7081"
health = "127.0.0.1:7082"
[device.hall]
driver = "p1"
port = "http://127.0.0.1:9001/api/v1/telegram"
END
x=$(meterkast-gateway enrol)
meterkast-bridge hub admit home-noor=$x
"""


def test_systemd_runs_a_hub_and_a_gateway_as_on_the_page(debian):
    gateway, hub = block(1).splitlines(), block(2)
    assert "sudo meterkast-gateway discover --write" == gateway.pop(1)  # no meter hangs here
    install, check, start, doctor = gateway
    script = f"""\
cd /root
{hub.replace("--community zonstraat", "--community zonstraat | tee /root/told")}
{install}
bridge_key=$(sed -n 's/.*bridge_key = "\\(.*\\)"/\\1/p' /root/told)
runuser -u nobody -- meterkast sim p1 --http 127.0.0.1:9001 &
{HOUSE}
{check}
{start}
for n in $(seq 60); do
    meterkast-bridge hub gateways | grep "online .*evidence-" && break
    sleep 1
done
{doctor} || true
{block(3)}
systemctl is-active meterkast-gateway
ls /var/lib/meterkast-gateway/*.key || echo no key there
systemctl start meterkast-verify
systemctl reload meterkast-gateway
for n in $(seq 20); do
    [ $(journalctl -u meterkast-gateway | grep -c gateway_started) = 3 ] && break
    sleep 1
done
systemctl is-active meterkast-gateway meterkast-bridge meterkast-broker
sed -e "s,^ExecStart=.*,ExecStart=/opt/meterkast-gateway/current/bin/python -I /asks.py," \\
    -e s/^Type=.*/Type=oneshot/ -e /^Restart/d -e /^WatchdogSec/d \\
    {UNIT} > /etc/systemd/system/asks.service
systemctl daemon-reload
systemctl start asks
journalctl --no-pager -u asks
"""
    debian.write("asks.py", ADJTIMEX)
    said = debian.boot(script)
    assert re.search(r"^home-noor  online .* evidence-", said, re.MULTILINE)
    assert "active\nno key there\n" in said
    assert "active\nactive\nactive\n" in said
    assert "the gateway runs" in said
    # Less than nothing would be a call that the unit does not allow.
    assert re.search(r"adjtimex [0-5]$", said, re.MULTILINE)


def test_a_gateway_that_hangs_is_started_again(debian):
    debian.say(f"apt-get install -qq ./dist/{GATEWAY}_*.deb")
    debian.write(
        "var/lib/meterkast-gateway/gateway.toml",
        'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "tcp://127.0.0.1:9"\n',
    )
    debian.say("mkdir -p /etc/systemd/system/meterkast-gateway.service.d")
    debian.write(
        "etc/systemd/system/meterkast-gateway.service.d/quick.conf",
        "[Service]\nWatchdogSec=4\nRestartSec=1\nTimeoutAbortSec=1\n",
    )
    said = debian.boot(
        """\
for n in $(seq 20); do systemctl is-active meterkast-gateway && break; sleep 1; done
before=$(systemctl show -P MainPID meterkast-gateway)
kill -STOP $before
for n in $(seq 60); do
    sleep 1
    [ "$(systemctl show -P MainPID meterkast-gateway)" != $before ] || continue
    systemctl is-active meterkast-gateway && echo started again && break
done
journalctl --no-pager -u meterkast-gateway
"""
    )
    assert "active\nstarted again\n" in said
    assert "meterkast-gateway.service: Watchdog timeout (limit 4s)!" in said


UPDATES = """\
cd /root
for n in $(seq 20); do systemctl is-active meterkast-gateway && break; sleep 1; done
meterkast update ./meterkast-gateway_0.1.0-2.deb || echo "ended with $?"
readlink /opt/meterkast-gateway/current
for n in $(seq 20); do systemctl is-active --quiet meterkast-gateway && break; sleep 1; done
systemctl is-active meterkast-gateway
meterkast update || echo "ended with $?"
systemctl is-failed meterkast-gateway-trial || true
dpkg -i ./meterkast-gateway_0.1.0-2.deb > /dev/null
for n in $(seq 60); do
    [ "$(readlink /opt/meterkast-gateway/current)" = versions/0.1.0-1 ] && break
    sleep 1
done
echo "by itself: $(readlink /opt/meterkast-gateway/current)"
dpkg -i ./meterkast-gateway_0.1.0-3.deb
readlink /opt/meterkast-gateway/trial
systemctl is-active meterkast-gateway-trial
meterkast update --watch
readlink /opt/meterkast-gateway/current /opt/meterkast-gateway/trial || true
systemctl is-active meterkast-gateway
meterkast update
meterkast update ./meterkast-gateway_0.1.0-2.deb || echo "ended with $?"
"""


def test_systemd_takes_back_what_does_not_run_and_keeps_what_does(debian):
    """The newer version falls over as it starts, however often systemd starts it."""
    debian.say(f"apt-get install -qq ./dist/{GATEWAY}_*.deb")
    debian.write(
        "var/lib/meterkast-gateway/gateway.toml",
        'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "tcp://127.0.0.1:9"\n',
    )
    gateway = "opt/*/dist/lib/*/site-packages/gateway"
    edit = f"rm {gateway}/__pycache__/run.* && echo 'import nothing' > $(echo {gateway}/run.py)"
    again(debian, GATEWAY, "0.1.0-2", edit=edit)
    again(debian, GATEWAY, "0.1.0-3")
    said = debian.boot(UPDATES)
    broken, good = said.split("0.1.0-1\nbefore", 1)
    assert "ended with 1\nversions/0.1.0-1\nactive\nruns:   " in broken
    assert "taken back: 0.1.0-2: meterkast-gateway.service ended 2 times\nended with 1\n" in good
    assert "failed\nby itself: versions/0.1.0-1\n" in good
    assert "versions/0.1.0-3\nactive\nversions/0.1.0-3\nactive\n" in good
    assert good.endswith("runs:   0.1.0-3\nbefore: 0.1.0-1\nended with 2\n")
