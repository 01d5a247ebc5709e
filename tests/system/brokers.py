"""Real brokers on free ports: Mosquitto as it is shipped for gateways from elsewhere."""

import socket
import subprocess
import time
from pathlib import Path

from ledger_bridge.certificates import Authority
from tests.system.programs import end, free_port, kill

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto"


class Mosquitto:
    """The shipped `gateways.conf`, with its ports and folders changed, and the queue if asked."""

    def __init__(
        self, folder: Path, authority: Authority, program: str, *, queued: int = 10_000
    ) -> None:
        self.folder = folder
        self.port, self.home_port = free_port(), free_port()
        self._program = program
        own = folder / "mosquitto"
        own.mkdir()
        for name in ("gateways.acl", "home.acl"):
            (own / name).write_text((SHIPPED / name).read_text())
        for path in (authority.certificate, authority.revoked):
            (own / path.name).write_bytes(path.read_bytes())
        for suffix in (".crt", ".key"):
            name = f"broker{suffix}"
            (own / name).write_bytes((authority.folder / name).read_bytes())
        text = (SHIPPED / "gateways.conf").read_text()
        replaced = {
            "listener 8883": f"listener {self.port} 127.0.0.1",
            "listener 1883": f"listener {self.home_port}",
            "/etc/mosquitto/meterkast": str(own),
            "max_queued_messages 10000": f"max_queued_messages {queued}",
        }
        for before, after in replaced.items():
            assert before in text, before
            text = text.replace(before, after)
        # Debian says both in its own way: whose rights it takes, and where it keeps what it keeps.
        self.config = own / "mosquitto.conf"
        self.config.write_text(f"user root\npersistence_location {own}/\n{text}")
        self.start()

    def start(self) -> None:
        log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen(
            [self._program, "-c", str(self.config)], stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.home_port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(self.log())

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text("utf-8")

    def kill(self) -> None:
        """As a power cut does."""
        kill(self.process)

    def end(self) -> None:
        end(self.process)
