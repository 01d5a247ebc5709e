"""The pages for a hub, a household and a recycling point, followed word by word in fresh Debians.

Three machines with systemd running on a network of their own. Whoever reads the pages has a
telephone: a folder that all of them see. Only in `make soak`, as tests/system/test_packages.py.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.test_pages import DOCS, blocks
from tests.system import test_packages as packaged
from tests.system.test_packages import PACKED, System, packages  # noqa: F401 - a fixture

pytestmark = packaged.pytestmark

NETWORK = "mkfresh"
ADDRESSES = {"hub": "10.77.0.1", "house": "10.77.0.2", "point": "10.77.0.3"}
# Packages of the distribution that the pages install: fetched beforehand, installed by the page.
FETCHED = ("mosquitto", "caddy")
BOOT_S_MAX = 400

# Whatever plays here stands for hardware: what a cable would bring.
METER = """\
import os, time
from pathlib import Path
from firmware_sim.devices.p1 import Meter, Shown, telegram
from firmware_sim.terminal import Terminal

QUARTER_MS = 900_000
boundary = round(time.time() * 1000 / QUARTER_MS) * QUARTER_MS
port = Terminal(Path("@port@"))
os.chown(port.path, 0, 20)
os.chmod(port.path, 0o660)
while True:
    is_later = Path("/telephone/fitted").exists()
    at, given = (boundary + 5_000, 2_694) if is_later else (boundary - 10_000, 2_444)
    if port.unread() > 2_000:
        port.forget()
    port.write(telegram(Meter("E0003110"), Shown(at, 4_426, 2_399, given, 0, 2, 0, 1_250, ())))
    time.sleep(1)
"""
METER_PORT = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0"
# A scale and a reader as anybody may play them, at ports that belong to whom ports belong to.
POINT = """\
for device in toledo rdm6300; do
    meterkast sim $device --port /dev/serial/by-id/usb-played-$device 2> /dev/null &
    await "[ -e /dev/serial/by-id/usb-played-$device ]"
    chown root:dialout $(readlink -f /dev/serial/by-id/usb-played-$device)
    chmod 660 $(readlink -f /dev/serial/by-id/usb-played-$device)
done
"""
SCREEN = """\
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:7090/", timeout=5).read().decode())
"""
# A pseudo-terminal is there in an adapter's place, and the unit allows adapters only.
PLAYED = """\
mkdir -p /etc/systemd/system/meterkast-gateway.service.d
printf '[Service]\\nDeviceAllow=char-pts rw\\n' \\
    > /etc/systemd/system/meterkast-gateway.service.d/played.conf
"""
# The first word of what somebody waits for is told when it does not come.
WAIT = """\
await() {
    for n in $(seq 300); do
        eval "$1" && return
        sleep 1
    done
    echo "never: $1" >&2
    exit 1
}
"""
# Caddy's own CA stands for one that everybody's machine trusts.
TRUST = """\
await '[ -e /telephone/ca.crt ]'
cp /telephone/ca.crt /usr/local/share/ca-certificates/hub.crt
update-ca-certificates > /dev/null
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, part: Callable[[str], str]) -> Path:
    file = tmp_path_factory.mktemp("debian") / "root.tar"
    fetch = f"apt-get install -qq -y --download-only {' '.join(FETCHED)}"
    fetch = f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" {fetch}'
    subprocess.run(
        [
            *(part("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={PACKED}"),
            *("--skip=cleanup/apt", f"--customize-hook={fetch}", "bookworm", str(file)),
        ],
        check=True,
    )
    return file


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def network() -> Iterator[None]:
    """A switch, and a cable from it to each of the machines."""
    with ExitStack() as stack:
        ip("link", "add", NETWORK, "type", "bridge")
        stack.callback(ip, "link", "del", NETWORK)
        ip("link", "set", NETWORK, "up")
        for name, address in ADDRESSES.items():
            space, cable = f"{NETWORK}-{name}", f"mk-{name}"
            ip("netns", "add", space)
            stack.callback(ip, "netns", "del", space)
            ip("link", "add", cable, "master", NETWORK, "type", "veth",
               "peer", "name", "eth0", "netns", space)  # fmt: skip
            stack.callback(ip, "link", "del", cable)
            ip("link", "set", cable, "up")
            inside = ("netns", "exec", space, "ip")
            ip(*inside, "address", "add", f"{address}/24", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")
            ip(*inside, "link", "set", "lo", "up")
        yield


class Machine(System):
    """A fresh Debian on that network, with the package in the folder where somebody put it."""

    def __init__(self, name: str, folder: Path, archive: Path, package: Path) -> None:
        (folder / name).mkdir()
        subprocess.run(["tar", "-C", folder / name, "-xf", archive], check=True)
        super().__init__(folder / name, {})
        self.name = name
        (self.root / "root" / package.name).write_bytes(package.read_bytes())
        # Whoever is asked says yes.
        self.write("etc/apt/apt.conf.d/yes", 'APT::Get::Assume-Yes "true";\n')
        self.write("etc/hostname", f"{name}\n")
        self.write("etc/hosts", f"127.0.0.1 localhost {name}\n10.77.0.1 hub.example.nl\n")
        self.telephone = folder / "telephone"
        self.telephone.mkdir(exist_ok=True)

    def follow(self, script: str) -> str:
        """What a script says while this machine runs and is on the network."""
        return self.boot(
            f"cd /root\nexport DEBIAN_FRONTEND=noninteractive\n{WAIT}\n{script}",
            f"--network-namespace-path=/run/netns/{NETWORK}-{self.name}",
            f"--bind={self.telephone}:/telephone",
            seconds=BOOT_S_MAX,
        )


def joins(enrol: str, who: str) -> str:
    """What somebody does at a gateway who has the code, and the steward at the telephone."""
    return f"""\
await '[ -e /telephone/{who}.invited ]'
sed -n 's/^its code: *//p' /telephone/{who}.invited > code
{enrol.strip()} < code > enrolled &
asking=$!
await '[ -s enrolled ]'
head -n 1 enrolled > /telephone/{who}.words
wait $asking
cat enrolled
touch /telephone/{who}.joined
"""


def admits(invite: str, enrol: str, who: str) -> str:
    """What the steward does meanwhile."""
    return f"""\
{invite.strip()} | tee told
mv told /telephone/{who}.invited
await '[ -s /telephone/{who}.words ]'
await '[ -e /var/lib/meterkast-bridge/enrolment/{who}.request ]'
{enrol.strip()} --words "$(cat /telephone/{who}.words)"
await '[ -e /telephone/{who}.joined ]'
"""


def hub() -> str:
    """The page for a hub, with what its reader does between the commands."""
    install, found, more, broker, caddy, start, invite, enrol, fit, look = blocks(
        DOCS / "hub.md", "bash"
    )
    # There is no internet here, so nobody out there can vouch for the name.
    caddy = caddy.replace("hub.example.nl {", "hub.example.nl {\n    tls internal")
    authority = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
    point = invite.replace("home-noor", "milieustraat --point")
    return f"""\
{install}{found}{more}{broker}{caddy}{start}
await '[ -e {authority} ]'
cp {authority} /telephone/ca.crt
{admits(invite, enrol, "home-noor")}
{fit}
await 'meterkast-bridge hub gateways --json | grep -q up_to.:\\ [1-9]'
touch /telephone/fitted
{admits(point, enrol.replace("home-noor", "milieustraat"), "milieustraat")}
await 'meterkast-bridge ledger balance | grep -q 0.250000'
await '[ -e /telephone/open ]'
await 'meterkast-bridge hub gateways | grep -q "milieustraat *online"'
{look}
touch /telephone/over
await '[ -e /telephone/home-noor.over ] && [ -e /telephone/milieustraat.over ]'
systemctl is-active meterkast-bridge mosquitto caddy
"""


def house() -> str:
    """The page for a household."""
    install, read, doctor, enrol = blocks(DOCS / "household.md", "bash")
    return f"""\
{install}{PLAYED}
/opt/meterkast-gateway/current/bin/python -I /root/meter.py &
await '[ -e {METER_PORT} ]'
{read}
systemctl is-active meterkast-gateway
{doctor.strip()} || true
{TRUST}
{joins(enrol, "home-noor")}
await '[ -e /telephone/over ]'
{doctor.strip()} || true
systemctl is-active meterkast-gateway
touch /telephone/home-noor.over
"""


def point() -> str:
    """The page for a recycling point; its reader copies the two lines that belong there."""
    install, enrol, start = blocks(DOCS / "recycling-point.md", "bash")
    install, discover = install.splitlines()
    (kiosk,) = blocks(DOCS / "recycling-point.md", "toml")
    pin, *others = start.splitlines()
    return f"""\
{install}
{PLAYED}{POINT}
{discover}
{TRUST}
{joins(enrol, "milieustraat")}
cat >> /var/lib/meterkast-gateway/gateway.toml << END
{kiosk.replace('stewards = ["…"]', "$(sed -n 's/^ *stewards/stewards/p' enrolled)")}
END
echo 4711 | {pin}
{"; ".join(others)}
await "/opt/meterkast-gateway/current/bin/python -I /root/screen.py | tee screen | grep -q glas"
touch /telephone/open
await '[ -e /telephone/over ]'
systemctl is-active meterkast-gateway
touch /telephone/milieustraat.over
"""


def test_a_hub_a_household_and_a_recycling_point_are_set_up_as_on_their_pages(
    tmp_path,
    archive,
    packages,  # noqa: F811
    network,
):
    gateway = packages["meterkast-gateway"]
    at_hub = Machine("hub", tmp_path, archive, packages["meterkast-bridge"])
    at_home = Machine("house", tmp_path, archive, gateway)
    at_home.write("root/meter.py", METER.replace("@port@", METER_PORT))
    at_point = Machine("point", tmp_path, archive, gateway)
    at_point.write("root/screen.py", SCREEN)
    with ThreadPoolExecutor() as all_three:
        following = [
            all_three.submit(machine.follow, script)
            for machine, script in ((at_hub, hub()), (at_home, house()), (at_point, point()))
        ]
        said, at_home_said, at_point_said = (one.result() for one in following)
    assert 2 == said.count("active\nactive\nactive\n")
    # The lines on the pages are the ones that the steward sends.
    for page, who in (("household.md", "home-noor"), ("recycling-point.md", "milieustraat")):
        line = f" enrol zonstraat/{who} --hub https://hub.example.nl\n"
        assert f"on the gateway:  meterkast{line}" in said
        assert f"sudo meterkast-gateway{line}" in blocks(DOCS / page, "bash")
        assert f"{who} is admitted\n" in said
        assert re.search(rf"^{who} +online", said, re.MULTILINE)
    assert re.search(r"^noor +Noor de Vries .*0\.250000", said, re.MULTILINE)
    assert "\nverified: " in said
    assert "home-noor is one of zonstraat" in at_home_said
    assert "the gateway runs" in at_home_said
    assert at_home_said.endswith("active\n")
    assert "milieustraat is one of zonstraat" in at_point_said
    assert at_point_said.endswith("active\n")
