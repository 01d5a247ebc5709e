"""A package whose installation ends half-way: at every step of its scripts, and of dpkg's own.

The scripts are those of the package. What it installs is cut down to a program that says its
version, so that a hundred installations take a minute. Only in `make soak`.
"""

import re
from pathlib import Path

import pytest

from gateway.tools import udev
from gateway.tools.udev import Socket
from tests import debians
from tests.debians import System
from tests.system import test_packages as packaged
from tests.system.test_packages import GATEWAY

pytestmark = packaged.pytestmark

# tiny VERSION: the package with next to nothing in it, as VERSION.deb. Its scripts end themselves
# with SIGKILL before the step KILL_AT of the one that is KILLED, and leave the file `killed`.
MAKING = r"""
tiny() {
    rm -rf t
    dpkg-deb -R dist/meterkast-gateway_*.deb t
    rm -r t/opt/meterkast-gateway/dist/lib
    printf '#!/bin/sh\necho %s\n' $1 > t/opt/meterkast-gateway/dist/bin/meterkast
    for n in $(seq 40); do echo $1 > t/opt/meterkast-gateway/dist/file$n; done
    sed -i s/0.1.0-1/$1/g t/DEBIAN/control t/DEBIAN/p*
    (cd t && find usr opt -type f -print0 | xargs -0 md5sum > DEBIAN/md5sums)
    for script in preinst postinst prerm postrm; do
        {
            echo '#!/bin/bash'
            echo 'ends() {'
            echo '    step=$((step + 1))'
            echo "    [ \$KILLED-\$KILL_AT = $script-\$step ] || return 0"
            echo '    touch /root/killed; kill -9 $$'
            echo '}'
            echo 'step=0; trap ends DEBUG'
            tail -n +2 t/DEBIAN/$script
        } > scripted
        cat scripted > t/DEBIAN/$script
    done
    dpkg-deb -Znone -b t $1.deb
    rm -r t scripted
}
here=/opt/meterkast-gateway
# Nothing here is cut off from its disk.
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/unsafe
wrong() { echo "wrong: $*"; ls -lA $here $here/versions; dpkg -l meterkast-gateway; }
runs() {
    said=$(meterkast 2>&1)
    case " $1 " in *" $said "*) ;; *) wrong "$2: it says $said, not $1" ;; esac
}
fresh() {
    rm -f killed
    dpkg -P meterkast-gateway
    dpkg -i $1.deb
} > fresh.log 2>&1
state() { dpkg-query -W -f '${Version} ${db:Status-Status}' meterkast-gateway 2> /dev/null; }
export KILLED=none KILL_AT=0
( tiny 1-1; tiny 1-2 ) > making.log 2>&1
"""
# An even step is gone on with by dpkg alone, where it can.
UPDATES = r"""
for script in preinst postinst; do
    for step in $(seq 1000); do
        fresh 1-1
        KILLED=$script KILL_AT=$step dpkg -i 1-2.deb > log 2>&1
        [ -e killed ] || break
        runs "1-1 1-2" "$script $step"
        [ $((step % 2)) = 1 ] || dpkg --configure -a > log 2>&1
        [ "$(state)" = "1-2 installed" ] || dpkg -i 1-2.deb > log 2>&1
        [ "$(state)" = "1-2 installed" ] || wrong "$script $step: $(state)"
        runs 1-2 "$script $step, and again"
        [ "$(readlink $here/previous)" = versions/1-1 ] || wrong "$script $step: previous"
        [ "$(readlink $here/trial)" = "$(readlink $here/current)" ] || wrong "$script $step: trial"
        [ "$(ls -A $here/versions | wc -l)" = 2 ] || wrong "$script $step: versions"
        [ -z "$(find $here -name '.*')" ] || wrong "$script $step: left over"
    done
    echo "$script: $((step - 1)) steps"
done
"""
REMOVALS = r"""
for how in -r -P; do
    for script in prerm postrm; do
        for step in $(seq 1000); do
            fresh 1-2
            KILLED=$script KILL_AT=$step dpkg $how meterkast-gateway > log 2>&1
            [ -e killed ] || break
            [ $((step % 2)) = 1 ] || dpkg --configure -a > log 2>&1
            case "$(state)" in *" installed") runs 1-2 "$how $script $step" ;; esac
            dpkg $how meterkast-gateway > log 2>&1 || wrong "$how $script $step: $(cat log)"
            [ ! -e $here ] || wrong "$how $script $step: left over"
            [ ! -L /usr/bin/meterkast ] || wrong "$how $script $step: the command"
        done
        echo "$how $script: $((step - 1)) steps"
    done
done
"""
POWER_CUTS = r"""
for ms in $(seq 12 8 244); do
    fresh 1-1
    setsid dpkg -i 1-2.deb > log 2>&1 &
    sleep 0.$(printf %03d $ms)
    kill -9 -- -$!
    wait
    state
    echo
    runs "1-1 1-2" "after $ms ms"
    dpkg -i 1-2.deb > log 2>&1
    [ "$(state)" = "1-2 installed" ] || wrong "after $ms ms: $(cat log)"
    runs 1-2 "after $ms ms, and again"
done 2> /dev/null
"""
REFUSED = r"""
all() { find $here /etc/alternatives -printf '%p %l %i %C@\n' | sort; }
fresh 1-2
all > before
! dpkg -i 1-1.deb > log 2>&1
grep ^error: log
all | diff before -
state
"""
DISK = r"""
fresh 1-2
mount -t tmpfs none /var/lib/meterkast-gateway
touch /var/lib/meterkast-gateway/.hidden /var/lib/meterkast-gateway/journal.db
dpkg -P meterkast-gateway > log
find /var/lib/meterkast-gateway
dpkg -l meterkast-gateway 2>&1 | tail -1
"""


@pytest.fixture
def debian(tmp_path: Path, archive: Path, packages: dict[str, Path]) -> System:
    return System(debians.unpack(archive, tmp_path / "root"), packages[GATEWAY])


def scripted(system: System, script: str) -> str:
    system.write("root/script.sh", MAKING + script)
    return system.say("bash script.sh")


def test_an_update_killed_at_any_step_of_its_scripts_leaves_a_whole_version_and_goes_on(debian):
    said = scripted(debian, UPDATES)
    steps = dict(re.findall(r"^(\w+): (\d+) steps$", said, re.MULTILINE))
    assert "wrong" not in said
    assert ["preinst", "postinst"] == list(steps)
    assert int(steps["preinst"]) > 3
    assert int(steps["postinst"]) > 20


def test_a_removal_killed_at_any_step_of_its_scripts_can_be_done_again(debian):
    said = scripted(debian, REMOVALS)
    assert "wrong" not in said
    steps = [int(count) for count in re.findall(r": (\d+) steps$", said, re.MULTILINE)]
    assert 4 == len(steps)
    assert min(steps) > 2


def test_an_update_whose_dpkg_is_killed_at_any_moment_leaves_a_whole_version_and_goes_on(debian):
    said = scripted(debian, POWER_CUTS)
    assert "wrong" not in said
    states = [line for line in said.splitlines() if line]
    assert 30 == len(states)
    assert len(set(states)) > 1, "every moment was the same one"


def test_an_update_that_is_refused_leaves_what_runs_alone(debian):
    said = scripted(debian, REFUSED)
    assert "error: version 1-1 is older than 1-2, which is installed\n1-2 installed" == said


def test_a_purge_empties_a_folder_that_is_a_disk_of_its_own(debian):
    said = scripted(debian, DISK).splitlines()
    assert ["/var/lib/meterkast-gateway", f"dpkg-query: no packages found matching {GATEWAY}"] == (
        said
    )


def test_udev_itself_takes_the_rules_of_the_package_and_those_for_adapters(debian):
    """The first terminal stands for an adapter: a rule says so before ours is read."""
    debian.say(f"dpkg -i dist/{GATEWAY}_*.deb")
    path = "platform-3f980000.usb-usb-0:1.3:1.0"
    names = {Socket(path, ""): "hall", Socket(path, "1"): "second-port"}
    rules = udev.planned(names, debian.root)
    rules.path.write_text(rules.text)
    played = f'SUBSYSTEM=="tty", KERNEL=="tty1", ENV{{ID_PATH}}="{path}"\n'
    debian.write("etc/udev/rules.d/98-played.rules", played)
    said = debian.say("mount -t sysfs -o ro sys /sys; udevadm test /sys/class/tty/tty1 2>&1")
    links = re.findall(r"^\s*DEVLINKS=(.*)$", said, re.MULTILINE)
    assert ["/dev/meterkast/hall"] == [link.strip("'") for link in links]
    told = [line for line in said.splitlines() if "meterkast.rules" in line]
    assert not [line for line in told if re.search("(?i)invalid|unknown|ignor|fail", line)]
