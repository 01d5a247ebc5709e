"""Packages broken on purpose, in a Debian that runs: the last good version comes back by itself.

Only in `make soak`, and as tests/system/test_packages.py says.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import test_packages as packaged
from tests.system.debian_street import GOOD_S, Street, until
from tests.system.test_packages import BRIDGE, GATEWAY

pytestmark = [*packaged.pytestmark, pytest.mark.parametrize("suite", ["bookworm"], indirect=True)]


@pytest.fixture(scope="module")
def _street(
    archive: Path, packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    made = Street(tmp_path_factory.mktemp("street"), archive, packages)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def street(_street: Street) -> Street:
    """Nothing is on trial in it."""
    links = [f"opt/{name}/trial" for name in (GATEWAY, BRIDGE)]
    until("all trials are over", lambda: not any(_street.has(link, "") for link in links))
    return _street


def taken_back(street: Street, file: str, why: str, name: str = GATEWAY) -> None:
    """This update does not run, which is told; what ran goes on, and so does another update."""
    before, version = street.runs(name), file.rpartition("_")[2].removesuffix(".deb")
    said = street.tell(f"meterkast update {file}", 1)
    assert [
        f"error: {version} was taken back: {name}.service {why}",
        f"where: {before} runs",
        f"try:   journalctl -u {name}",
    ] == said.splitlines()[-3:]
    told = street.tell("meterkast update", 1)
    assert f"taken back: {version}: {name}.service {why}" in told
    assert before == street.runs(name)
    street.goes_on()
    kept(street, street.package(name), name)


def kept(street: Street, file: str, name: str = GATEWAY) -> None:
    version = file.rpartition("_")[2].removesuffix(".deb")
    assert f"{version} runs, and stays\n" in street.tell(f"meterkast update {file}")
    assert version == street.runs(name)
    street.goes_on()
    street.tell("rm /root/*.deb")


# Done so long after a gateway, or a bridge, began.
AFTER = """
import os, signal, time
_serving = @serve@


async def @serve@(*given, **more):
    asyncio.get_running_loop().call_later(@seconds@, lambda: @act@)
    await _serving(*given, **more)
"""


def after(seconds: int, act: str, serve: str = "_serve") -> str:
    """What does something so long after it began."""
    return AFTER.replace("@serve@", serve).replace("@seconds@", f"{seconds}").replace("@act@", act)


RUN, BRIDGE_RUN = "gateway/run.py", "ledger_bridge/bridge.py"
EXITS, HANGS = "os._exit(3)", "time.sleep(1e6)"
SYNTAX = "def\n"
TOO_MUCH = "(b'1' * 400_000_000, os.kill(os.getpid(), signal.SIGKILL))"
BROKEN = [
    pytest.param(SYNTAX, "ended 2 times", id="does not start"),
    pytest.param("\n\ndef gateway(**_: Path) -> int:\n    return 1\n", "ended 2 times", id="ends"),
    pytest.param(after(5, EXITS), "ended 2 times", id="falls over"),
    pytest.param(after(GOOD_S - 3, EXITS), "ended 2 times", id="falls over late"),
    pytest.param(
        "\n\ndef notify(**_: str) -> None:\n    time.sleep(1e6)\n",
        "did not get ready",
        id="hangs before it is ready",
    ),
    pytest.param(after(3, HANGS), "stood still", id="hangs"),
    pytest.param(after(GOOD_S - 3, HANGS), "stood still", id="hangs late"),
    pytest.param(after(3, TOO_MUCH), "ended 2 times", id="eats the memory"),
]


@pytest.mark.parametrize(("broken", "why"), BROKEN)
def test_a_gateway_that_does_not_run_gives_way_to_the_one_before(street, broken, why):
    taken_back(street, street.package(GATEWAY, {RUN: broken}), why)


def test_what_falls_over_only_after_its_trial_is_kept_and_the_next_update_mends_it(street):
    kept(street, street.package(GATEWAY, {RUN: after(GOOD_S + 15, EXITS)}))
    street.tell(f"until [ $(systemctl show -P NRestarts {GATEWAY}) -gt 1 ]; do sleep 1; done")
    kept(street, street.package(GATEWAY))


def test_an_update_mends_a_gateway_that_ends_again_and_again(street):
    street.write("root/broken", SYNTAX)
    run = f"/opt/{GATEWAY}/current/lib/python3*/site-packages/gateway/run.py"
    street.tell(f"cat broken >> $(echo {run}); rm -f $(dirname {run})/__pycache__/run.*")
    street.tell(f"systemctl restart {GATEWAY} || true")
    street.tell(f"until [ $(systemctl show -P NRestarts {GATEWAY}) -gt 3 ]; do sleep 1; done")
    kept(street, street.package(GATEWAY))


def test_a_meter_that_is_silent_is_no_reason_to_go_back(street):
    street.tell("systemctl stop meter")
    file = street.package(GATEWAY)
    assert "runs, and stays" in street.tell(f"meterkast update {file}")
    street.tell("systemctl start meter")
    street.goes_on()


JUMPS = """
import os
_serving, _now, _now_ns = _serve, time.time, time.time_ns


def _jump(days):
    time.time = lambda: _now() + days * 86_400
    time.time_ns = lambda: _now_ns() + days * 86_400_000_000_000


async def _serve(*given, **more):
    for at_s, days in ((5, 30), (9, -30), (13, 0)):
        asyncio.get_running_loop().call_later(at_s, _jump, days)
    await _serving(*given, **more)
"""


def test_a_clock_that_jumps_by_months_is_no_reason_to_go_back(street):
    kept(street, street.package(GATEWAY, {RUN: JUMPS}))


def test_a_package_that_is_not_for_here_is_refused_in_three_lines_and_nothing_has_changed(street):
    file = street.package(GATEWAY)
    street.tell(
        f"head -c 9000000 {file} > short.deb; "
        f"for n in arm64 12; do dpkg-deb -R {file} $n; done; "
        "sed -i 's/^Architecture:.*/Architecture: arm64/' arm64/DEBIAN/control; "
        "sed -i 's/python3[.]11/python3.13/' 12/DEBIAN/control; "
        "for n in arm64 12; do dpkg-deb -Znone -b $n $n.deb; rm -r $n; done"
    )
    state = f"find /opt/{GATEWAY} -printf '%p %l %i %C@\\n'; dpkg -l {GATEWAY} | tail -1"
    before = street.tell(state)
    assert [
        "error: a damaged package: unexpected end of data",
        "where: short.deb",
        "try:   copy or fetch it again",
    ] == refused(street, "short.deb")
    assert [
        "error: a package for arm64, and this machine is amd64",
        "where: arm64.deb",
        "try:   a file called …_amd64.deb",
    ] == refused(street, "arm64.deb")
    assert [
        f"error: dpkg would not take it: {GATEWAY} pre-depends on python3.13; "
        "python3.13 is not installed",
        "where: 12.deb",
        "try:   one made for this Debian; or sudo apt install /root/12.deb, if that can be had",
    ] == refused(street, "12.deb")
    assert before == street.tell(state)
    # Nor does dpkg alone begin.
    street.tell("dpkg -i 12.deb", 1)
    assert before == street.tell(state)


def refused(street: Street, file: str) -> list[str]:
    return street.tell(f"meterkast update {file}", 2).splitlines()


def test_what_fills_the_disk_gives_way_without_room_and_all_goes_on_once_there_is_some(street):
    act = "(os.system('cat /dev/zero > junk'), os._exit(3))"
    file = street.package(GATEWAY, {RUN: after(3, act)})
    before = street.runs()
    said = street.tell(f"meterkast update {file}", 1)
    assert "was taken back: meterkast-gateway.service " in said
    assert before == street.runs()
    street.tell("rm /var/lib/meterkast-gateway/junk")
    street.goes_on()
    kept(street, street.package(GATEWAY))


def test_a_slow_dpkg_does_not_make_an_update_that_was_taken_back_look_good(street):
    (street.root / "root/slow").mkdir()
    slow = '#!/bin/sh\n/usr/bin/dpkg "$@"\ncode=$?\n[ "$1" != --install ] || sleep 15\nexit $code\n'
    street.write("root/slow/dpkg", slow, mode=0o755)
    file = street.package(GATEWAY, {RUN: SYNTAX})
    said = street.tell(f"PATH=/root/slow:$PATH meterkast update {file}", 1)
    assert "was taken back: meterkast-gateway.service ended 2 times" in said
    street.goes_on()


# A newer journal, and the hub

JOURNAL = """

class _Upgrade:
    def read_text(self, *_):
        return "CREATE TABLE IF NOT EXISTS mood (x TEXT);" + TABLES_ARE_MADE


SCHEMA_VERSION, UPGRADE = SCHEMA_VERSION + 1, _Upgrade()
"""
NEWER_BOOKS = "\n\nSCHEMA_VERSION += 1\n"
BROKEN_BRIDGES = [
    pytest.param({BRIDGE_RUN: SYNTAX}, "ended 2 times", id="does not start"),
    pytest.param(
        {"ledger_bridge/page/app.py": "\n\nnotify = lambda **_: None\n"},
        "did not get ready",
        id="never gets ready",
    ),
    pytest.param({BRIDGE_RUN: after(3, HANGS, "_run")}, "stood still", id="hangs"),
    pytest.param(
        {"ledger_bridge/books/store.py": NEWER_BOOKS, BRIDGE_RUN: after(5, EXITS, "_run")},
        "ended 2 times",
        id="changes the books and falls over",
    ),
]


def test_what_changes_the_journal_and_falls_over_loses_nothing(street):
    broken = {"gateway/journal/file.py": JOURNAL, RUN: after(8, EXITS)}
    taken_back(street, street.package(GATEWAY, broken), "ended 2 times")
    assert "event=journal_went_back" in street.tell(f"journalctl --no-pager -u {GATEWAY}")


@pytest.mark.parametrize(("broken", "why"), BROKEN_BRIDGES)
def test_a_bridge_that_does_not_run_gives_way_to_the_one_before(street, broken, why):
    taken_back(street, street.package(BRIDGE, broken), why, BRIDGE)
    street.tell("meterkast-bridge verify")


# Another update during a trial


def test_a_good_version_after_a_bad_one_is_kept_and_the_last_good_one_stays_before_it(street):
    before = street.runs()
    bad, good = street.package(GATEWAY, {RUN: after(15, HANGS)}), street.package(GATEWAY)
    street.tell(f"dpkg -i {bad}; sleep 5")
    kept(street, good)
    assert f"versions/{before}" == street.tell(f"readlink /opt/{GATEWAY}/previous")


def test_a_bad_version_after_one_on_trial_gives_way_to_the_last_good_one(street):
    good, bad = street.package(GATEWAY), street.package(GATEWAY, {RUN: SYNTAX})
    street.tell(f"dpkg -i {good}; sleep 5")
    before = street.tell(f"readlink /opt/{GATEWAY}/previous").removeprefix("versions/")
    said = street.tell(f"meterkast update {bad}", 1)
    assert f"where: {before} runs" in said
    assert before == street.runs()
    street.goes_on()
    kept(street, street.package(GATEWAY))


def test_an_update_told_by_the_program_on_trial_ends_well_though_its_own_folder_goes(street):
    """`meterkast` is that of the gateway here, and it takes away the version that it is of."""
    command = f"/opt/{GATEWAY}/current/bin/meterkast update"
    first, second = street.package(GATEWAY), street.package(GATEWAY)
    street.tell(f"dpkg -i {first}; sleep 5")
    version = second.rpartition("_")[2].removesuffix(".deb")
    assert f"{version} runs, and stays\n" in street.tell(f"{command} {second}")
    street.goes_on()


def test_without_the_version_before_a_bad_one_stays_until_a_good_one_comes(street):
    bad = street.package(GATEWAY, {RUN: after(15, HANGS)})
    street.tell(f"dpkg -i {bad}; rm -r /opt/{GATEWAY}/$(readlink /opt/{GATEWAY}/previous)")
    time.sleep(GOOD_S + 10)
    kept(street, street.package(GATEWAY))


# Power


def test_a_machine_that_is_off_for_a_while_goes_on_with_the_trial(street):
    file = street.package(GATEWAY)
    street.tell(f"dpkg -i {file}; sleep 5")
    street.off()
    street.on()
    assert "on trial" in street.tell("meterkast update", 0, 1)
    until("it is kept", lambda: not street.tells(f"[ -L /opt/{GATEWAY}/trial ]"))
    assert file.endswith(f"_{street.runs()}.deb")
    street.goes_on()


# What is there, or what dpkg's log says, once the update is so far.
LOG, VERSIONS = "var/log/dpkg.log", f"opt/{GATEWAY}/versions"
SIGNS = [
    pytest.param(LOG, " status half-installed ", 0, id="unpacking"),
    pytest.param(LOG, " status half-installed ", 3, id="unpacking still"),
    pytest.param(LOG, " status unpacked ", 0, id="unpacked"),
    pytest.param(LOG, " status half-configured ", 0, id="configuring"),
    pytest.param(f"{VERSIONS}/.part", "", 0, id="linking"),
    pytest.param(f"{VERSIONS}/@new@", "", 0, id="linked"),
    pytest.param(f"opt/{GATEWAY}/trial", "@new@", 0, id="on trial"),
    pytest.param(f"opt/{GATEWAY}/current", "@new@", 0, id="running"),
    pytest.param(LOG, " status installed ", 0, id="installed"),
    pytest.param(LOG, " status installed ", 5, id="in its trial"),
]


@pytest.mark.parametrize(("sign", "says", "seconds"), SIGNS)
def test_a_power_cut_in_an_update_leaves_whole_versions_and_it_goes_on(street, sign, says, seconds):
    before, file = street.runs(), street.package(GATEWAY)
    version = file.rpartition("_")[2].removesuffix(".deb")
    sums = f"cd /{VERSIONS}/{before}; find -type f -exec md5sum {{}} + > /root/sums"
    street.tell(f": > /{LOG}; {sums}; sync")
    street.begin(f"dpkg -i {file}")
    sign, says = (one.replace("@new@", version) for one in (sign, says))
    until("it is so far", lambda: street.has(sign, says))
    time.sleep(seconds)
    street.cut()
    street.on()
    print(f"{street.runs()} of {version}, {street.tell(f'dpkg -l {GATEWAY} | tail -1')}")
    look = "md5sum --quiet -c"
    street.tell(f"cd /{VERSIONS}/{before}; set -o pipefail; {look} /root/sums 2>&1 | head -3")
    assert street.runs() in {before, version}
    if street.runs() == version:
        listed = f"dpkg-deb --ctrl-tarfile {file} | tar -xO ./md5sums"
        here = f"sed -n 's,opt/{GATEWAY}/dist/,/{VERSIONS}/{version}/,p'"
        street.tell(f"set -o pipefail; {listed} | {here} | {look} 2>&1 | head -3")
    street.goes_on()
    street.tell(f"dpkg -i {file}")
    assert street.runs().startswith(version)
    kept(street, street.package(GATEWAY))


@pytest.mark.parametrize("seconds", [0, 0.05, 0.5, 2])
def test_a_power_cut_on_the_way_back_is_gone_on_with(street, seconds):
    before, file = street.runs(), street.package(GATEWAY, {RUN: after(1, EXITS)})
    street.tell("sync")
    street.begin(f"dpkg -i {file}")
    until("it is taken back", (street.root / f"opt/{GATEWAY}/taken-back").exists)
    time.sleep(seconds)
    street.cut()
    street.on()
    until("it is back", lambda: street.runs() == before)
    until("and known", lambda: "taken back" in street.tell("meterkast update", 0, 1))
    street.goes_on()
    kept(street, street.package(GATEWAY))
