"""The page about a hub in containers, followed word by word with a real Docker Engine.

A server, a house with a gateway, and somebody who vouches for names are three machines on one
network. Images are of Debian's packages, with the folders, owners and volumes of those they stand
for; InfluxDB and Grafana are doors that say they are there. Only in `make soak`.
"""

import json
import os
import platform
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.wire import crc
from tests import debians
from tests.bench.gateway import QUARTER_MS, moved
from tests.bench.journal import MIDNIGHT_MS
from tests.debians import SUITES
from tests.docs.test_pages import DOCS, blocks
from tests.system.engine import PACKAGES, Engine, Network, inside, ip
from tests.system.programs import end, kill, until
from tests.unit.test_grafana_rollups import INFLUX

pytestmark = [
    pytest.mark.soak,
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes Debian systems"),
]

PAGE = DOCS / "hub-compose.md"
NETWORK = "mkd"
SERVER, HOUSE, VOUCHING = "10.78.0.1", "10.78.0.2", "10.78.0.3"
SERVICES = ("mosquitto", "bridge", "nightly", "influxdb", "grafana", "caddy")
# Two minutes to begin with, and three looks half a minute apart, each with ten seconds to answer.
LOOKED_AT_S_MAX = 300.0

PARTS = "python3-pip,python-is-python3,mosquitto,mosquitto-clients,caddy,libcap2-bin,wget"
# What the images have that these stand for, by their own recipes.
FOLDERS = """\
install -d -o 1883 -g 1883 "$1/mosquitto/data" "$1/mosquitto/log"
install -d -o 1000 -g 1000 "$1/etc/influxdb2" "$1/var/lib/influxdb2"
install -d "$1/config/caddy" "$1/data/caddy"
chroot "$1" setcap cap_net_bind_service=+ep /usr/bin/caddy
"""
_PIP = "ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels PIP_BREAK_SYSTEM_PACKAGES=1"
_CADDY = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
IMAGES = {
    "python:3.11-slim-bookworm": (_PIP,),
    "eclipse-mosquitto:2.0": ("VOLUME /mosquitto/data /mosquitto/log",),
    "influxdb:2.7": (
        "VOLUME /var/lib/influxdb2 /etc/influxdb2",
        'CMD ["door", "8086", "/etc/influxdb2/influx-configs", "/var/lib/influxdb2/engine"]',
    ),
    "grafana/grafana:11.6.0": ('CMD ["door", "3000", "/var/lib/grafana/plugins"]',),
    "caddy:2": (
        "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
        "WORKDIR /srv",
        f"CMD {json.dumps(_CADDY)}",
    ),
}
DOOR = '''\
#!/usr/bin/python3
"""In the place of InfluxDB or Grafana: writes what they write first, and says yes to everybody."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"door: {self.path}".encode())
    do_POST = do_GET
    def log_message(self, *_):
        pass

for name in sys.argv[2:]:
    Path(name).write_text("")
ThreadingHTTPServer(("", int(sys.argv[1])), Door).serve_forever()
'''
PING = """\
case "$1" in ping) exec wget -q -O /dev/null "$3/ping" ;; esac
KEPT=/tmp/kept FOLDER=/meterkast
mkdir -p $KEPT
"""
# Vouches for names as those do whom everybody trusts: whoever answers at a name's port 443 is it.
VOUCHES = """\
{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system @folder@
}
https://@address@ {
    tls internal
    acme_server
}
"""


# Which of these places can be reached.
REACH = """\
import json, socket, sys
found = []
for place in json.load(sys.stdin):
    with socket.socket() as one:
        one.settimeout(1)
        if one.connect_ex(tuple(place)) == 0:
            found.append(place)
print(json.dumps(found))
"""
# What comes of asking for these.
ASK = """\
import sys, urllib.error, urllib.request
for path in sys.argv[1:]:
    try:
        with urllib.request.urlopen(f"https://hub.example.nl{path}", timeout=10) as answer:
            print(path, answer.status, answer.read().decode().splitlines()[0])
    except urllib.error.HTTPError as error:
        print(path, error.code)
"""


class Machine:
    """One of the others at that network, which knows the hub by name."""

    def __init__(self, space: str, hosts: Path) -> None:
        self._space, self._hosts = space, hosts

    def command(self, *words: object) -> list[str]:
        known = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return inside(self._space, *known, script, str(self._hosts), *map(str, words))

    def python(self, script: str, *words: str, stdin: str = "", **env: str) -> str:
        """What a script says that must succeed."""
        run = self.command(sys.executable, "-c", script, *words)
        told = {**os.environ, **env}
        done = subprocess.run(
            run, input=stdin, capture_output=True, text=True, check=False, env=told
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout


class Gateway:
    """A gateway at that machine, whose meter gives back 0.25 kWh in each quarter-hour it says."""

    def __init__(self, machine: Machine, folder: Path, trust: Path) -> None:
        self._machine, self._trust = machine, trust
        self._wire, self._line = os.openpty()
        self._toml, self._log = folder / "gateway.toml", folder / "log"
        folder.mkdir()
        port = os.ttyname(self._line)
        self._toml.write_text(f'gateway = "pi"\n[device.meter]\ndriver = "p1"\nport = "{port}"\n')
        self._chance = random.Random(1)
        self._said = 0

    def popen(self, *words: str, **how: object) -> subprocess.Popen:
        command = (sys.executable, "-m", "gateway", *words, "--config", self._toml)
        env = {**os.environ, "SSL_CERT_FILE": str(self._trust)}
        return subprocess.Popen(self._machine.command(*command), env=env, **how)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._log.open("ab") as log:
            process = self.popen("gateway", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until("the line is open", lambda: "line_open" in self._log.read_text())
            yield
        finally:
            end(process)
            os.close(self._wire)
            os.close(self._line)

    def pending(self) -> int:
        journal = self._toml.with_name("data") / "journal.db"
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT SUM(pending) FROM tally").fetchone()[0])

    def hear(self) -> None:
        """One more telegram, of the next quarter-hour."""
        at_ms = MIDNIGHT_MS + self._said * QUARTER_MS
        body = moved(at_ms, self._chance).rpartition(b"!")[0] + b"!"
        body = body.replace(b"2.8.1(000244.400", b"2.8.1(%010.3f" % (244.4 + self._said * 0.25))
        os.write(self._wire, body + f"{crc.arc(body):04X}\r\n".encode())
        self._said += 1


class Village:
    """A hub that was made as the page says, and a gateway that joined it."""

    def __init__(self, engine: Engine, house: Machine, vouched: Path) -> None:
        self.engine, self.house = engine, house
        self.vouched = vouched
        self.gateway: Gateway
        *self._begun, self._join, self._restore = blocks(PAGE, "bash")

    @contextmanager
    def followed(self, folder: Path) -> Iterator["Village"]:
        build, write, found, database, start = self._begun
        self.engine.say(f"cd /root/source\n{build}")
        self.engine.say(write)
        (self.srv / "data/caddy/ca.crt").write_bytes(self.vouched.read_bytes())
        self._vouch()
        # For counts of a day in July.
        old = "sed -i 's/^valid_from = .*/valid_from = 2026-01-01/' hub/policy.toml"
        activate = "docker compose run --rm meterkast policy activate"
        assert activate in found
        self.say(found.replace(activate, f"{old}\n{activate}"))
        self.say(database)
        self.say(start)
        self.until("healthy", *SERVICES)
        self.gateway = Gateway(self.house, folder / "house", self.vouched)
        self._joins(self._join.splitlines())
        with self.gateway.running():
            self.gateway.hear()
            yield self

    def _vouch(self) -> None:
        """Nobody whom all the world trusts is on this network."""
        caddyfile = self.srv / "Caddyfile"
        ours = f"dir https://{VOUCHING}/acme/local/directory\n\t\t\ttrusted_roots /data/ca.crt"
        caddyfile.write_text(
            caddyfile.read_text().replace("issuer acme {", f"issuer acme {{\n\t\t\t{ours}")
        )

    def install(self, version: str) -> None:
        """What the page says for another version that is built."""
        run = self._begun[1].splitlines()[1]
        assert "meterkast:0.1.0" in run
        self.say(run.replace("meterkast:0.1.0", f"meterkast:{version}"))
        self._vouch()
        self.say("docker compose up -d")

    def _joins(self, lines: list[str]) -> None:
        """The steward's lines, and between them what is typed at the gateway."""
        invite, enrol, *others = lines
        said = self.say(invite)
        ask = re.search(r"meterkast\S* (enrol .*)", said)[1].split()
        asking = self.gateway.popen(*ask, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            asking.stdin.write(re.search(r"its code: +(\S+)", said)[1] + "\n")
            asking.stdin.close()
            words = asking.stdout.readline().strip()
            until("the hub has it", (self.srv / "hub/enrolment/home-noor.request").exists)
            self.say(f'{enrol} --words "{words}"')
            assert 0 == asking.wait(timeout=60)
        finally:
            kill(asking)
        for line in others:
            self.say(line)

    @property
    def srv(self) -> Path:
        return self.engine.root / "srv/meterkast"

    def say(self, script: str, *, stdin: str = "") -> str:
        """What a script says in the hub's folder."""
        return self.engine.say(f"cd /srv/meterkast\n{script}", stdin=stdin)

    def meterkast(self, *words: str) -> str:
        return self.say(f"docker compose run --rm meterkast {' '.join(words)}")

    def balance(self) -> Decimal:
        """What noor holds, in kWh."""
        told = self.meterkast("ledger", "balance")
        found = re.search(r"^noor .*?(\d+\.\d{6})", told, re.MULTILINE)
        return Decimal(found[1]) if found else Decimal()

    @contextmanager
    def earning(self, amount: str) -> Iterator[None]:
        """So much is credited for what happens meanwhile, once, and the books are right."""
        before = self.balance()
        yield
        # A gateway that was cut off waits longer each time before it calls again.
        until("it is credited", lambda: self.balance() >= before + Decimal(amount), seconds=300)
        until("all is receipted", lambda: self.gateway.pending() == 0, seconds=60)
        assert Decimal(amount) == self.balance() - before
        assert "verified: " in self.meterkast("verify")

    def health(self, service: str) -> str:
        form = "{{.State.Health.Status}}"
        return self.say(f"docker inspect -f '{form}' meterkast-{service}-1").strip()

    def signal(self, name: str, service: str) -> None:
        """To its first process, as from somewhere else than Docker."""
        form = "{{.State.Pid}}"
        self.say(f"kill -{name} $(docker inspect -f '{form}' meterkast-{service}-1)")

    def until(self, health: str, *services: str) -> None:
        for service in services:
            until(f"{service} is {health}", lambda name=service: self.health(name) == health,
                  seconds=LOOKED_AT_S_MAX)  # fmt: skip

    def night(self) -> None:
        """A day goes by, as far as `nightly` can see."""
        self.say("find backup -name '*.meterkast' -exec touch -d '25 hours ago' {} +")
        before = set(self.backups())
        self.say("docker compose restart nightly")
        until("there is a backup", lambda: set(self.backups()) != before, seconds=60)

    def backups(self) -> list[str]:
        return sorted(file.name for file in (self.srv / "backup").glob("*.meterkast"))

    def restore(self) -> None:
        """What the page says for a hub that is lost, with the newest backup there is."""
        self.say(re.sub(r"zonstraat-\w+\.meterkast", self.backups()[-1], self._restore))


@contextmanager
def served(folder: Path, network: Network, mmdebstrap: str) -> Iterator[Engine]:
    """A server with Docker, and a registry that has every image."""
    archive = debians.make(mmdebstrap, SUITES["trixie"], folder / "root.tar", PACKAGES)
    root = debians.unpack(archive, folder / "server")
    added = folder / "added"
    (added / "usr/local/bin").mkdir(parents=True)
    influx = INFLUX.replace("set -eu", f"set -eu\n{PING}")
    for name, text in {"door": DOOR, "influx": influx}.items():
        (added / "usr/local/bin" / name).write_text(text)
        (added / "usr/local/bin" / name).chmod(0o755)
    extras = ("bridge", "fast", "grafana")
    debians.fetch(added / "wheels", SUITES["bookworm"], platform.machine(), *extras)
    hooks = (f"--customize-hook={FOLDERS}", f"--customize-hook=sync-in {added} /")
    debians.make(mmdebstrap, SUITES["bookworm"], root / "root/parts.tar", PARTS, *hooks)
    debians.source(root / "root/source")
    engine = Engine(root, network, SERVER)
    with engine.running():
        for name, changes in IMAGES.items():
            engine.publish("/root/parts.tar", name, *changes)
        yield engine


@contextmanager
def vouched(folder: Path, machine: Machine, caddy: str) -> Iterator[Path]:
    """Somebody vouches for names; gives the certificate that everybody has who trusts them."""
    config = folder / "vouching.caddy"
    kept = folder / "vouching"
    config.write_text(VOUCHES.replace("@folder@", str(kept)).replace("@address@", VOUCHING))
    run = machine.command(caddy, "run", "--config", config, "--adapter", "caddyfile")
    with (folder / "vouching.log").open("wb") as log:
        process = subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        root = kept / "pki/authorities/local/root.crt"
        until("there is somebody who vouches", root.exists)
        yield root
    finally:
        end(process)


@pytest.fixture(scope="module")
def village(
    tmp_path_factory: pytest.TempPathFactory, part: Callable[[str], str]
) -> Iterator[Village]:
    """Everything up to a household that joined, in the words of the page."""
    mmdebstrap, caddy = part("mmdebstrap"), part("caddy")
    folder = tmp_path_factory.mktemp("docker")
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{SERVER} hub.example.nl\n")
    with ExitStack() as stack:
        network = Network(NETWORK)
        stack.callback(network.close)
        engine = stack.enter_context(served(folder, network, mmdebstrap))
        vouching = Machine(network.plug("vouching", VOUCHING), hosts)
        root = stack.enter_context(vouched(folder, vouching, caddy))
        house = Machine(network.plug("house", HOUSE), hosts)
        yield stack.enter_context(Village(engine, house, root).followed(folder))


def test_who_follows_the_page_has_a_hub_where_a_gateway_from_elsewhere_gets_its_credit(village):
    with village.earning("0.25"):
        village.gateway.hear()
    pinned = re.findall(
        r"^([A-Z]+)_IMAGE=.*@sha256:\w{64}$", (village.srv / ".env").read_text(), re.MULTILINE
    )
    assert ["MOSQUITTO", "INFLUXDB", "GRAFANA", "CADDY"] == pinned


def test_a_stranger_finds_two_ports_even_who_knows_a_way_to_the_networks_inside(village):
    ip("-n", f"{NETWORK}-house", "route", "add", "172.16.0.0/12", "via", SERVER)
    addresses = village.say(
        "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "
        "$(docker compose ps -q)"
    ).split()
    # `nightly` has none, and three have two.
    assert 8 == len(addresses)
    listening = (443, 1883, 2019, 3000, 7080, 8083, 8086, 8883)
    places = [(SERVER, port) for port in range(1, 65536)]
    places += [(address, port) for address in addresses for port in listening]
    found = json.loads(village.house.python(REACH, stdin=json.dumps(places)))
    assert [[SERVER, 443], [SERVER, 8883]] == found[:2]
    # And the same two where they lie.
    assert [443, 8883] == sorted(port for _, port in found[2:])


def test_a_stranger_sees_of_the_hub_where_to_join_its_log_and_where_stewards_log_in(village):
    (checkpoint,) = (village.srv / "hub/log").rglob("checkpoint")
    log = f"/log/{checkpoint.relative_to(village.srv / 'hub/log')}"
    paths = ("/", "/api/now", "/member/noor", "/enrol", "/log/", log, "/grafana/login")
    assert [
        *("/ 404", "/api/now 404", "/member/noor 404", "/enrol 405", "/log/ 404"),
        f"{log} 200 meterkast/zonstraat",
        "/grafana/login 200 door: /grafana/login",
    ] == village.house.python(ASK, *paths, SSL_CERT_FILE=str(village.vouched)).splitlines()
    # Who can log in to the server sees the page.
    assert "Noor de Vries" in village.say("wget -q -O - http://172.29.70.10:7080/")


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("mosquitto", ["/tmp", "/var/lib/mosquitto"]),
        ("bridge", ["/hub", "/tmp"]),
        ("nightly", ["/backup", "/hub", "/tmp"]),
        ("influxdb", ["/etc/influxdb2", "/meterkast", "/tmp", "/var/lib/influxdb2"]),
        ("grafana", ["/tmp", "/var/lib/grafana"]),
        ("caddy", ["/config", "/data", "/tmp"]),
    ],
)
def test_a_program_inside_may_do_nothing_and_write_its_own_folders_only(village, service, own):
    status = village.say(f"docker compose exec {service} cat /proc/1/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "10001\t10001\t10001\t10001" == told["Uid"]
    # Ports below 1024, and only where its program does not start without.
    may = "0000000000000400" if service == "caddy" else "0000000000000000"
    assert {may} == {told[name] for name in ("CapEff", "CapPrm", "CapBnd")}
    assert ("1", "2") == (told["NoNewPrivs"], told["Seccomp"])
    look = r"find / -regex '/\(proc\|dev\|sys\)' -prune -o -writable ! -type l -print -prune"
    found = village.say(f"docker compose exec {service} {look} 2> /dev/null || true")
    assert own == sorted(found.split())


@pytest.mark.parametrize(
    ("service", "has_a_way"),
    [("bridge", False), ("nightly", False), ("influxdb", False), ("caddy", True)],
)
def test_nothing_inside_finds_a_way_out_but_what_has_to(village, service, has_a_way):
    out = [[VOUCHING, 443]]
    said = village.say(
        f"docker compose exec -T {service} python3 -c '{REACH}'", stdin=json.dumps(out)
    )
    assert (out if has_a_way else []) == json.loads(said)


def test_what_hangs_is_unhealthy_and_what_is_killed_is_started_again(village):
    services = ("mosquitto", "bridge", "caddy", "influxdb", "grafana")
    for name in services:
        village.signal("STOP", name)
    village.until("unhealthy", *services)
    for name in services:
        village.signal("KILL", name)
    village.until("healthy", *services)
    with village.earning("0.25"):
        village.gateway.hear()


def test_where_the_books_are_not_right_nightly_is_unhealthy_until_they_are(village):
    with village.earning("0.25"):
        village.gateway.hear()
    change = "UPDATE balance SET amount = amount + ?"
    with closing(sqlite3.connect(village.srv / "hub/books.db", isolation_level=None)) as books:
        books.execute(change, (1,))
        try:
            village.night()
            village.until("unhealthy", "nightly")
        finally:
            books.execute(change, (-1,))
    village.night()
    village.until("healthy", "nightly")


# A version that does not start.
NEWER = """\
cp -r /root/source /root/newer
cd /root/newer
sed -i s/0.1.0/0.2.0/ pyproject.toml deploy/compose/compose.yaml
echo 'raise SystemExit("this is not what it was to be")' >> ledger_bridge/bridge.py
docker build --tag meterkast:0.2.0 --file deploy/compose/Dockerfile .
"""


def test_a_version_that_does_not_start_is_gone_back_from_by_installing_the_one_before(village):
    village.engine.say(NEWER)
    with village.earning("0.50"):
        village.install("0.2.0")
        village.gateway.hear()
        log = "docker compose logs bridge"
        until("it was tried", lambda: "not what it was to be" in village.say(log), seconds=60)
        village.install("0.1.0")
        village.until("healthy", *SERVICES)
        village.gateway.hear()


def test_a_power_cut_of_the_server_loses_nothing_and_credits_nothing_twice(village):
    with village.earning("1.00"):
        village.gateway.hear()
        village.engine.cut()
        village.gateway.hear()
        village.engine.start()
        village.gateway.hear()
        village.until("healthy", *SERVICES)
        village.gateway.hear()


def test_a_lost_hub_is_made_again_out_of_a_backup_and_what_gateways_still_have(village):
    with village.earning("0.75"):
        with village.earning("0.25"):
            village.gateway.hear()
        village.night()
        with village.earning("0.25"):
            village.gateway.hear()
        village.restore()
        village.until("healthy", *SERVICES)
        village.gateway.hear()
    # The log that others saw, and the one that begins where the backup ends.
    logs = (village.srv / "hub/log").rglob("checkpoint")
    assert ["meterkast/zonstraat", "meterkast/zonstraat/2"] == sorted(
        path.read_text().splitlines()[0] for path in logs
    )
