"""`meterkast broker`: the embedded MQTT broker, a NATS server on loopback.

For one machine: its users are static, so gateways from elsewhere come in through another broker.
"""

import os
import shutil
import socket
import sys
import sysconfig
import time
from pathlib import Path

from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.contract.notify import notify

HOST = "127.0.0.1"
PORT = 1883
READY_S_MAX = 30.0

# Every write is synced before it is acknowledged; the plain NATS port is the kernel's choice and
# nobody uses it; sessions and retained messages live in the JetStream store.
SETTINGS = """\
server_name: "meterkast"
listen: "{host}:-1"
jetstream {{
    store_dir: "{store}"
    sync_interval: always
}}
mqtt {{
    listen: "{host}:{port}"
    ack_wait: "30s"
    max_ack_pending: 1000
}}
"""


def broker(*, dir: Path = Path("broker"), port: int = PORT) -> None:  # noqa: A002 - it is --dir
    """Run the embedded MQTT broker on this machine until it is told to stop.

    Parameters
    ----------
    dir
        where it keeps sessions and retained messages
    port
        the MQTT port on 127.0.0.1
    """
    server = _server()
    _check_free(port)
    store = dir.resolve()
    store.mkdir(parents=True, exist_ok=True)
    settings = store / "nats.conf"
    settings.write_text(SETTINGS.format(host=HOST, port=port, store=store / "store"), "utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    # This process becomes the broker: signals, exit code and even SIGKILL are its own, and
    # nothing is left behind. Another process, nobody's child, says when it answers.
    broker_pid = os.getpid()
    between = os.fork()
    if between == 0:
        if os.fork() == 0:
            _tell_when_ready(port, broker_pid=broker_pid)
        os._exit(0)
    os.waitpid(between, 0)
    os.execv(server, [server, "--config", str(settings)])  # noqa: S606 - no shell wanted


def _server() -> str:
    """The server of the `embedded` extra. Raises UsageError where it is not installed."""
    for folder in (sysconfig.get_path("scripts"), Path(sys.executable).parent):
        found = shutil.which("nats-server", path=str(folder))
        if found:
            return found
    raise UsageError(
        Problem(
            "the embedded broker is not installed",
            f"nats-server in {sysconfig.get_path('scripts')}",
            "pip install 'meterkast[embedded]', or use another MQTT broker",
        )
    )


def _check_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except (OSError, OverflowError) as error:
            problem = Problem(
                f"port {port} cannot be used: {error}",
                f"meterkast broker --port {port}",
                "stop what listens there, or choose another with --port",
            )
            raise Unreachable(problem) from error


def _tell_when_ready(port: int, *, broker_pid: int) -> None:
    """Wait until the MQTT port answers, then tell the service manager; not longer than it lives."""
    until_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < until_s and Path(f"/proc/{broker_pid}").exists():
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            notify(MAINPID=str(broker_pid), READY="1")
            return
