"""A stock Mosquitto that systemd runs in fresh Debians, with the guard of `install mosquitto`.

Only in `make soak`, as tests/system/test_packages.py.
"""

from collections.abc import Callable
from pathlib import Path

from ledger_bridge.commands import certificate, hub
from ledger_bridge.commands.install_mosquitto import mosquitto
from tests import debians
from tests.debians import PACKED, Suite, System
from tests.system import test_packages as packaged

pytestmark = packaged.pytestmark

# There is less room in /tmp than Mosquitto keeps, and then none. What is said to systemd too often
# in ten seconds is refused.
SCRIPT = """\
chown mosquitto: /etc/mosquitto/meterkast/broker.key
mount -t tmpfs -o size=64k none /tmp
head -c 100000 /dev/zero | tr '\\0' x > /root/long
kept=/var/lib/mosquitto/mosquitto.db
again() { systemctl reset-failed mosquitto; systemctl start mosquitto; }
systemctl restart mosquitto
mosquitto_pub -r -q 1 -t meterkast/long -f /root/long
mosquitto_pub -r -q 1 -t meterkast/kept -m "what was kept"
systemctl stop mosquitto
again
mosquitto_sub -t meterkast/kept -C 1 -W 5
systemctl stop mosquitto
ls /var/lib/mosquitto
head -c 100000 /dev/zero > $kept
again
mosquitto_pub -q 1 -t meterkast/now -m x
ls /var/lib/mosquitto/mosquitto.db.* | wc -l
journalctl --no-pager -o cat -u mosquitto | grep -c "cannot be read; it lies in $kept.2"
systemctl stop mosquitto
mount -o remount,ro /tmp
again
mosquitto_pub -q 1 -t meterkast/now -m x
journalctl --no-pager -o cat -u mosquitto | grep "Read-only file system"
"""


def test_systemd_starts_mosquitto_whatever_a_power_cut_left(
    suite: Suite, tmp_path: Path, part: Callable[[str], str]
) -> None:
    include = f"{PACKED},mosquitto,mosquitto-clients"
    archive = debians.make(part("mmdebstrap"), suite, tmp_path / "root.tar", include)
    debian = System(debians.unpack(archive, tmp_path / "root"))
    hub.init(tmp_path / "hub", community="zonstraat", json=True)
    config = tmp_path / "hub/bridge.toml"
    certificate.certificate(broker="127.0.0.1", config=config, json=True)
    assert 0 == mosquitto(config=config, out=debian.root, yes=True)
    *said, trouble = debian.boot(SCRIPT).splitlines()
    assert ["what was kept", "mosquitto.db", "1", "1"] == said
    assert trouble.startswith("mktemp: failed to create directory")
