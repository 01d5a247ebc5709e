"""The pages for a hub, a household and a recycling point, followed word by word in fresh Debians.

Three machines with systemd running on a network of their own. Whoever reads the pages has a
telephone: a folder that all of them see. Afterwards all are switched off and on, and then their
power is cut while things go on: everything comes back without anybody, once, and adds up.
Only in `make soak`, as tests/system/test_packages.py.
"""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests import debians
from tests.debians import PACKED, Suite, System
from tests.docs.test_pages import DOCS, blocks
from tests.system import test_packages as packaged

pytestmark = packaged.pytestmark

NETWORK = "mkfresh"
ADDRESSES = {"hub": "10.77.0.1", "house": "10.77.0.2", "point": "10.77.0.3"}
# Packages of the distribution that the pages install: fetched beforehand, installed by the page.
FETCHED = ("mosquitto", "caddy")
BOOT_S_MAX = 400
QUARTER_MS = 900_000

# Whatever plays here stands for hardware: what a cable would bring.
METER = """\
import os, time
from pathlib import Path
from firmware_sim.devices.p1 import Meter, Shown, telegram
from firmware_sim.terminal import Terminal

port = Terminal(Path("@port@"))
os.chown(port.path, 0, 20)
os.chmod(port.path, 0o660)
while True:
    quarters = len(list(Path("/root/quarters").iterdir()))
    at_ms = @begin_ms@ + quarters * 900_000 + (5_000 if quarters else -10_000)
    shown = Shown(at_ms, 4_426, 2_399, 2_444 + 250 * quarters, 0, 2, 0, 1_250, ())
    if port.unread() > 2_000:
        port.forget()
    port.write(telegram(Meter("E0003110"), shown))
    time.sleep(1)
"""
METER_PORT = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0"
# A bag lies on the scale while there is a file with its grams, and so with the card at the reader.
POINT = """\
import os, time
from pathlib import Path
from firmware_sim import sevenbits
from firmware_sim.devices import rdm6300, toledo
from firmware_sim.terminal import Terminal

def played(name):
    port = Terminal(Path(f"/dev/serial/by-id/usb-played-{name}"))
    os.chown(port.path, 0, 20)
    os.chmod(port.path, 0o660)
    return port

def lies(_):
    bag = Path("/root/bag")
    return {"gross": int(bag.read_text()) * 1_000 if bag.exists() else 0}

def held(_):
    return {"card": "0A00ABCDEF" if Path("/root/card").exists() else ""}

devices = [
    (played("scale"), toledo.Terminal(toledo.Form(parity=sevenbits.EVEN), lies)),
    (played("reader"), rdm6300.Gate(held)),
]
while True:
    for port, device in devices:
        now_ms = time.time_ns() // 1_000_000
        if heard := port.read():
            port.write(device.hears(heard, now_ms=now_ms))
        if said := device.ticks(now_ms):
            if port.unread() > len(said):
                port.forget()
            port.write(said)
    time.sleep(0.01)
"""
# Whoever stands before the screen: touches what it is, and reads what the screen shows.
SCREEN = """\
import json, sys
from urllib.request import Request, urlopen

def ask(path, body=None):
    kind = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:7090{path}", body and body.encode(), kind)
    return urlopen(request, timeout=5).read()

if len(sys.argv) > 1:
    ask("/api/act", json.dumps(dict(zip(("act", "fraction"), sys.argv[1:]))))
view = json.loads(ask("/api/now"))["view"]
slip = view["slip"] or {"state": "none", "code": "none"}
can = "can" if view["can_confirm"] else "not"
print(f"word={view['word']}/{can} state={slip['state']} code={slip['code']}")
"""
# A pseudo-terminal is there in an adapter's place, and the unit allows adapters only. Nobody keeps
# the clock right where there is no internet, whoever keeps that of the machine beneath.
PLAYED = """\
mkdir -p /etc/systemd/system/meterkast-gateway.service.d
cat > /etc/systemd/system/meterkast-gateway.service.d/played.conf << END
[Service]
DeviceAllow=char-pts rw
SystemCallFilter=~adjtimex clock_adjtime
END
"""
PYTHON = "/opt/meterkast-gateway/current/bin/python -I"
PLAYS_METER = f"""\
mkdir -p quarters
{PYTHON} /root/meter.py &
await '[ -e {METER_PORT} ]'
"""
PLAYS_POINT = f"""\
{PYTHON} /root/point.py &
await '[ -e /dev/serial/by-id/usb-played-reader ]'
sees() {{ await "{PYTHON} /root/screen.py | tee seen | grep '$1'"; }}
"""
# The first word of what somebody waits for is told when it does not come.
WAIT = """\
await() {
    local end=$((SECONDS + 300))
    while [ $SECONDS -lt $end ]; do
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


@pytest.fixture(scope="session")
def fetched(
    suite: Suite, tmp_path_factory: pytest.TempPathFactory, part: Callable[[str], str]
) -> Path:
    """A fresh system as a tar file, and in its cache what the pages install beside ours."""
    get = f"apt-get install -qq -y --download-only {' '.join(FETCHED)}"
    hook = f'--customize-hook=APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" {get}'
    file = tmp_path_factory.mktemp("fetched") / "root.tar"
    return debians.make(part("mmdebstrap"), suite, file, PACKED, "--skip=cleanup/apt", hook)


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
        super().__init__(debians.unpack(archive, folder / name))
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
        return self.boot(_whole(script), *self._room(), seconds=BOOT_S_MAX)

    def follow_until_cut(self, script: str) -> None:
        """Run a script on it until that says in the telephone to cut the power; then it is dark."""
        sign = self.telephone / f"{self.name}.cut"
        self.boot_and_cut(_whole(script), *self._room(), sign=sign, seconds=BOOT_S_MAX)
        (self.telephone / f"{self.name}.dark").touch()

    def _room(self) -> tuple[str, str]:
        space = f"--network-namespace-path=/run/netns/{NETWORK}-{self.name}"
        return space, f"--bind={self.telephone}:/telephone"


def _whole(script: str) -> str:
    return f"cd /root\nexport DEBIAN_FRONTEND=noninteractive\n{WAIT}\n{script}"


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
    install, found, more, broker, caddy, start, invite, enrol, fit, look, backup = blocks(
        DOCS / "hub.md", "bash"
    )
    # There is no internet here, so nobody out there can vouch for the name.
    caddy = caddy.replace("hub.example.nl {", "hub.example.nl {\n    tls internal")
    authority = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
    point = invite.replace("home-noor", "milieustraat --point")
    card = blocks(DOCS / "recycling-point.md", "bash")[-1]
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
await '[ -e /telephone/slip ]'
{card.replace("K7QM-3RXA", "$(cat /telephone/slip)")}
await 'meterkast-bridge ledger balance | grep -q 0.125000'
await 'meterkast-bridge hub gateways | grep -q "milieustraat *online"'
{look}{backup}
ls /var/backups/meterkast/zonstraat-*.meterkast
touch /telephone/over
await '[ -e /telephone/home-noor.over ] && [ -e /telephone/milieustraat.over ]'
systemctl is-active meterkast-bridge mosquitto caddy
"""


def house() -> str:
    """The page for a household."""
    install, read, doctor, enrol = blocks(DOCS / "household.md", "bash")
    return f"""\
{install}{PLAYED}{PLAYS_METER}
{{ await '[ -e /telephone/fitted ]'; touch quarters/1; }} &
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
    install, enrol, start, _ = blocks(DOCS / "recycling-point.md", "bash")
    install, discover = install.splitlines()
    (kiosk,) = blocks(DOCS / "recycling-point.md", "toml")
    pin, *others = start.splitlines()
    return f"""\
{install}
{PLAYED}{PLAYS_POINT}
touch card
{discover}
rm card
{TRUST}
{joins(enrol, "milieustraat")}
cat >> /var/lib/meterkast-gateway/gateway.toml << END
{kiosk.replace('stewards = ["…"]', "$(sed -n 's/^ *stewards/stewards/p' enrolled)")}
END
echo 4711 | {pin}
{"; ".join(others)}
{brings(2_500)}
sees state=held
sed -n 's/.*code=//p' seen > told
mv told /telephone/slip
sees state=credited
rm bag
sees word=put
await '[ -e /telephone/over ]'
systemctl is-active meterkast-gateway
touch /telephone/milieustraat.over
"""


def brings(grams: int) -> str:
    """What somebody with a card does who brings glass."""
    return f"""\
sees word=put
echo {grams} > bag
sees word=what
{PYTHON} /root/screen.py choose glass
sees word=whose
touch card
sees word=confirm/can
rm card
{PYTHON} /root/screen.py confirm
"""


def holds(credit: str) -> str:
    """Whoever is at the hub waits until Noor has these credits for energy and for waste."""
    return f"await 'meterkast-bridge ledger balance | grep -q \"^noor .*{credit}\"'\n"


# After the hub the other two lose their power, with something kept that it does not have.
HUB_IS_CUT = f"""\
{holds("0.500000.*0.185000")}
touch /telephone/hub.cut
sleep infinity
"""
HOUSE_IS_CUT = f"""\
{PLAYS_METER}
touch quarters/2
await '[ -e /telephone/hub.dark ]'
touch quarters/3
await 'meterkast-gateway doctor | grep "pending [1-9]"'
touch /telephone/house.cut
sleep infinity
"""
POINT_IS_CUT = f"""\
rm -f bag
{PLAYS_POINT}
{brings(1_200)}
sees state=credited
rm bag
await '[ -e /telephone/hub.dark ]'
{brings(4_100)}
sees state=kept
touch /telephone/point.cut
sleep infinity
"""


def hub_again() -> str:
    *_, look, _ = blocks(DOCS / "hub.md", "bash")
    return f"""\
{holds("0.750000.*0.390000")}
{look}
touch /telephone/again
await '[ -e /telephone/house.again ] && [ -e /telephone/point.again ]'
systemctl is-active meterkast-bridge mosquitto caddy
"""


HOUSE_AGAIN = f"""\
{PLAYS_METER}
await '[ -e /telephone/again ]'
meterkast-gateway doctor || true
systemctl is-active meterkast-gateway
touch /telephone/house.again
"""
# The bag still lies there, and nobody weighs it twice.
POINT_AGAIN = f"""\
{PLAYS_POINT}
sees word=last/not
sees state=credited
await '[ -e /telephone/again ]'
meterkast-gateway doctor || true
systemctl is-active meterkast-gateway
touch /telephone/point.again
"""


def together(
    follow: Callable[[Machine, str], object], machines: tuple[Machine, ...], *scripts: str
) -> list[str]:
    """What all machines say that run at the same time."""
    with ThreadPoolExecutor() as all_three:
        following = map(partial(all_three.submit, follow), machines, scripts)
        return [one.result() for one in list(following)]


def test_a_hub_a_household_and_a_recycling_point_are_set_up_as_on_their_pages(
    tmp_path, fetched, packages, network
):
    gateway = packages["meterkast-gateway"]
    at_hub = Machine("hub", tmp_path, fetched, packages["meterkast-bridge"])
    at_home = Machine("house", tmp_path, fetched, gateway)
    begin_ms = (time.time_ns() // 10**6 // QUARTER_MS - 3) * QUARTER_MS
    meter = METER.replace("@port@", METER_PORT).replace("@begin_ms@", str(begin_ms))
    at_home.write("root/meter.py", meter)
    at_point = Machine("point", tmp_path, fetched, gateway)
    at_point.write("root/point.py", POINT)
    at_point.write("root/screen.py", SCREEN)
    machines = (at_hub, at_home, at_point)
    said, at_home_said, at_point_said = together(Machine.follow, machines, hub(), house(), point())
    assert 2 == said.count("active\nactive\nactive\n")
    # The lines on the pages are the ones that the steward sends.
    for page, who in (("household.md", "home-noor"), ("recycling-point.md", "milieustraat")):
        line = f"sudo meterkast-gateway enrol zonstraat/{who} --hub https://hub.example.nl\n"
        assert f"on the gateway:  {line}" in said
        assert line in blocks(DOCS / page, "bash")
        assert f"{who} is admitted\n" in said
        assert re.search(rf"^{who} +online", said, re.MULTILINE)
    # 0.25 kWh given back, and 2.5 kg of glass at 0.05.
    assert re.search(r"^noor +Noor de Vries .*0\.250000.*0\.125000", said, re.MULTILINE)
    assert "\nverified: " in said
    assert "home-noor is one of zonstraat" in at_home_said
    assert "the gateway runs" in at_home_said
    assert at_home_said.endswith("active\n")
    assert "milieustraat is one of zonstraat" in at_point_said
    assert at_point_said.endswith("active\n")

    # Each was switched off in order. They come back, and then all power is cut.
    together(Machine.follow_until_cut, machines, HUB_IS_CUT, HOUSE_IS_CUT, POINT_IS_CUT)
    said, *others = together(Machine.follow, machines, hub_again(), HOUSE_AGAIN, POINT_AGAIN)
    # Another 0.25 kWh and 1.2 kg before the cut; 0.25 kWh and 4.1 kg that the hub did not hear of.
    assert re.search(r"^noor +Noor de Vries .*0\.750000.*0\.390000", said, re.MULTILINE)
    assert "\nverified: " in said
    assert said.endswith("active\nactive\nactive\n")
    for at_gateway_said in others:
        assert " + pending 0 + expired 0 " in at_gateway_said
        assert at_gateway_said.endswith("active\n")
