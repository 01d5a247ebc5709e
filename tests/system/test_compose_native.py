"""The page about a hub in containers, followed word by word with something in Docker's place.

A gateway joins through Caddy, and what it measures comes through port 8883 into InfluxDB. What is
not as in containers is in `tests/system/composed.py` and here: programs are of this machine,
InfluxDB is a 1.6.7 (`tests/influx.py`) with a stand-in for its command, Grafana is a door that
says its name, and Caddy makes its own certificate.
"""

import json
import os
import random
import re
import shlex
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drivers.wire import crc
from tests.bench.gateway import QUARTER_MS, moved
from tests.bench.journal import MIDNIGHT_MS
from tests.docs.test_pages import DOCS, ROOT, blocks
from tests.influx import Front, Influx
from tests.system.composed import Box, Composed, begin, done
from tests.system.programs import Program, kill, until
from tests.unit.test_grafana_rollups import INFLUX

pytestmark = pytest.mark.system

PAGE = DOCS / "hub-compose.md"
QUARTERS = 3


def test_who_follows_the_page_has_a_hub_that_gateways_from_elsewhere_reach(tmp_path, part):
    for program in ("mosquitto", "mosquitto_sub", "influxd", "caddy", "wget"):
        part(program)
    rooms = ["unshare", "--net", "--mount", "true"]
    if os.geteuid() != 0 or subprocess.run(rooms, check=False).returncode != 0:
        pytest.skip("only root can put programs into rooms of their own")
    told = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m",
         "tests.system.test_compose_native", tmp_path],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert 0 == told.returncode, told.stdout + told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert ["mosquitto", "bridge", "influxdb", "grafana", "caddy", "nightly"] == found["healthy"]
    assert ["home-noor"] == found["gateways"]
    # 0.4 kWh given back in each quarter-hour, on a register that began at 244.4 kWh.
    assert [244_400_000, 244_800_000, 245_200_000] == found["counts"]
    assert {"/": 404, "/api/now": 404, "/members": 404, "/enrol": 405} == found["hidden"]
    assert "grafana: /grafana/login" == found["grafana"]
    assert "zonstraat" in found["checkpoint"]
    assert 1 == found["backups"]
    assert ["mosquitto", "bridge", "caddy", "nightly"] == found["restored"]
    # The log that others saw, and the one that begins where the backup ends.
    assert ["meterkast/zonstraat", "meterkast/zonstraat/2"] == found["origins"]


def test_caddys_file_is_one_that_caddy_takes(part):
    file = ROOT / "deploy" / "compose" / "Caddyfile"
    told = ("--config", file, "--adapter", "caddyfile")
    done(part("caddy"), "validate", *told)
    adapted = json.loads(done(part("caddy"), "adapt", *told).stdout)["apps"]["http"]
    (server,) = adapted["servers"].values()
    assert [":443"] == server["listen"]
    assert ["h1", "h2"] == server["protocols"]
    assert file.read_text() == done(part("caddy"), "fmt", file).stdout


def follow(folder: Path) -> dict[str, object]:
    """All that the page says; gives what came of it."""
    begin()
    room = folder / "room"
    room.mkdir()
    done("mount", "-t", "tmpfs", "tmpfs", room)
    build, write, found, database, start, join, restore = (
        block.replace("/srv/meterkast", str(folder / "srv")).splitlines()
        for block in blocks(PAGE, "bash")
    )
    assert 1 == len(build)
    srv = folder / "srv"
    _write(write, srv, room)
    with Influx(folder / "influx", "influxd") as influx:
        _as_in_front(influx.port)
        composed = Composed(
            srv, room, programs={"influxdb": {"influx": _influx(folder)}},
            elsewhere=("influxdb", "grafana"),
        )  # fmt: skip
        with composed:
            for line in (*found, *database, *start):
                _typed(line, composed, srv)
            gave: dict[str, object] = {"healthy": composed.healthy(
                "mosquitto", "bridge", "influxdb", "grafana", "caddy", "nightly"
            )}  # fmt: skip
            trust = srv / "data/caddy/caddy/pki/authorities/local/root.crt"
            home, port = folder / "home", os.openpty()
            _join(join, composed, srv, home, trust=trust, port=os.ttyname(port[1]))
            gave |= _measured(home, port[0], influx)
            gave |= _from_outside(trust, srv)
            told = composed.run("meterkast", "hub", "gateways", "--json")
            gave["gateways"] = [one["gateway"] for one in json.loads(told)]
            (backup,) = (srv / "backup").iterdir()
            for line in restore:
                _typed(re.sub(r"zonstraat-\w+\.meterkast", backup.name, line), composed, srv)
            gave["restored"] = composed.healthy("mosquitto", "bridge", "caddy", "nightly")
            log = srv / "hub/log"
            until("the new log is there", lambda: len(list(log.rglob("checkpoint"))) == 2)
            gave["origins"] = sorted(
                path.read_text().split("\n")[0] for path in log.rglob("checkpoint")
            )
    return gave


def _write(lines: list[str], srv: Path, room: Path) -> None:
    """`docker run` with the folder as /out, and `pin` with images that have digests."""
    install, run, cd, pin = lines
    done("sh", "-c", install)
    words = shlex.split(run)
    volume, image = words[words.index("-v") + 1], "meterkast:0.1.0"
    said = {
        "image": image, "volumes": [volume], "user": "10001:10001", "cap_drop": ["ALL"],
        "tmpfs": ["/tmp", "/hub"], "read_only": True,
    }  # fmt: skip
    box = Box(room / "install", said, Path("/"), programs={})
    done(*box.main(*words[words.index(image) + 1 :]))
    assert f"cd {srv}" == cd
    docker = room / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = pull ] || echo "x@sha256:0a1b"\n')
    docker.chmod(0o755)
    done(*pin.split(), cwd=srv, env={"PATH": f"{room}:/usr/bin:/bin"})
    # Here nobody gives certificates to hub.example.nl.
    caddyfile = (srv / "Caddyfile").read_text()
    own = re.sub(r"tls \{.*?\n\t\}", "tls internal", caddyfile, flags=re.DOTALL)
    own = own.replace("\tservers {", "\tskip_install_trust\n\tservers {")
    (srv / "Caddyfile").write_text(own)


def _typed(line: str, composed: Composed, srv: Path, stdin: str = "") -> str:
    """One line of the page, in the hub's folder."""
    match shlex.split(line):
        case ["docker", "compose", "run", "--rm", name, *words]:
            if words[:2] == ["policy", "activate"]:  # for counts of a day in July
                policy = srv / "hub/policy.toml"
                day = re.sub(r"valid_from = \S+", "valid_from = 2026-01-01", policy.read_text())
                policy.write_text(day)
            return composed.run(name, *words, stdin=stdin)
        case ["docker", "compose", "exec", name, *words]:
            return composed.exec(name, *words)
        case ["docker", "compose", "up", "-d", *names]:
            composed.up(*(name for name in names if name != "--wait"))
        case ["docker", "compose", "ps"]:
            pass
        case ["docker", "compose", "down"]:
            composed.down()
        case ["cat", "settings.toml", ">>", config]:
            done("bash", "-c", line, cwd=srv)
            with (srv / config).open("a") as settings:  # 1.6.7 takes away by its own words only
                settings.write('series_engine = "influxdb1"\n')
        case _:
            done("bash", "-c", line, cwd=srv)
    return ""


def _join(
    lines: list[str], composed: Composed, srv: Path, home: Path, *, trust: Path, port: str
) -> None:
    """The steward's lines, and between them what is typed at the gateway."""
    invite, enrol, add, fit, look = lines
    home.mkdir()
    (home / "gateway.toml").write_text(
        f'gateway = "pi"\n[device.meter]\ndriver = "p1"\nport = "{port}"\n'
    )
    said = _typed(invite, composed, srv)
    code = re.search(r"its code: +(\S+)", said)[1]
    ask = re.search(r"meterkast-gateway (enrol .*)", said)[1].split()
    asking = subprocess.Popen(
        [sys.executable, "-m", "gateway", *ask, "--config", str(home / "gateway.toml")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "SSL_CERT_FILE": str(trust)},
    )  # fmt: skip
    try:
        asking.stdin.write(f"{code}\n")
        asking.stdin.close()
        words = asking.stdout.readline().strip()
        until("the hub has it", (srv / "hub/enrolment/home-noor.request").exists)
        _typed(f'{enrol} --words "{words}"', composed, srv)
        assert 0 == asking.wait(timeout=30)
    finally:
        kill(asking)
    for line in (add, fit, look):
        _typed(line, composed, srv)


def _measured(home: Path, wire: int, influx: Influx) -> dict[str, object]:
    """What the meter gave back, as InfluxDB has it."""
    gateway = Program("gateway", home, "gateway", "--config", home / "gateway.toml")
    try:
        until("the line is open", lambda: "line_open" in gateway.log.read_text())
        chance = random.Random(1)
        for n in range(QUARTERS):
            body = moved(MIDNIGHT_MS + n * QUARTER_MS, chance).rpartition(b"!")[0] + b"!"
            given = f"1-0:2.8.1({244.4 + n * 0.4:010.3f}*kWh)".encode()
            body = body.replace(b"1-0:2.8.1(000244.400*kWh)", given)
            os.write(wire, body + f"{crc.arc(body):04X}\r\n".encode())
            until("it is counted", lambda n=n: len(_counts(influx)) == n + 1, seconds=60)
        return {"counts": _counts(influx)}
    finally:
        gateway.end()


def _counts(influx: Influx) -> list[int]:
    points = influx.points("count")
    return [one["value"] for one in points if one["register"] == "1-0:2.8.1"]


def _from_outside(trust: Path, srv: Path) -> dict[str, object]:
    """What a stranger sees."""
    context = ssl.create_default_context(cafile=str(trust))

    def get(path: str) -> tuple[int, str]:
        try:
            url = f"https://hub.example.nl{path}"
            with urllib.request.urlopen(url, context=context, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    (checkpoint,) = (srv / "hub/log").rglob("checkpoint")
    _, told = get(f"/log/{checkpoint.relative_to(srv / 'hub/log')}")
    return {
        "hidden": {path: get(path)[0] for path in ("/", "/api/now", "/members", "/enrol")},
        "grafana": get("/grafana/login")[1],
        "checkpoint": told,
        "backups": len(list((srv / "backup").glob("zonstraat-*.meterkast"))),
    }


class _Grafana(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"grafana: {self.path}".encode())

    def log_message(self, *_: object) -> None:
        pass


def _as_in_front(influx_port: int) -> None:
    """InfluxDB's and Grafana's own ports answer."""
    for server in (Front(8086, influx_port), ThreadingHTTPServer(("127.0.0.1", 3000), _Grafana)):
        threading.Thread(target=server.serve_forever, daemon=True).start()


def _influx(folder: Path) -> str:
    """The stand-in for InfluxDB's command, which also pings."""
    kept = folder / "influx-kept"
    kept.mkdir()
    kept.chmod(0o777)
    ping = 'case "$1" in ping) exec wget -q -O /dev/null "$3/ping" ;; esac\n'
    told = f"KEPT=/tmp/kept FOLDER=/meterkast\nmkdir -p $KEPT\n{ping}"
    return INFLUX.replace("#!/bin/sh\n", f"#!/bin/sh\n{told}", 1)


if __name__ == "__main__":
    print(json.dumps(follow(Path(sys.argv[1]))))
