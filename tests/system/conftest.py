"""What several of these tests share: Debian systems, which take minutes to make, and a broker."""

import functools
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_bridge.certificates import Authority
from tests import debians
from tests.debians import BUILDING, PACKED, SUITES, Suite, System
from tests.system.brokers import Mosquitto


@pytest.fixture(scope="session", params=SUITES)
def suite(request: pytest.FixtureRequest) -> Suite:
    return SUITES[request.param]


@pytest.fixture(scope="session")
def packages_for(
    tmp_path_factory: pytest.TempPathFactory, part: Callable[[str], str]
) -> Callable[[Suite], dict[str, Path]]:
    """Both packages, built in a fresh system by the recipe of `make deb`, without a network."""

    @functools.cache
    def built(suite: Suite) -> dict[str, Path]:
        folder = tmp_path_factory.mktemp("building")
        archive = debians.make(part("mmdebstrap"), suite, folder / "root.tar", BUILDING)
        root = debians.unpack(archive, folder / "root")
        debians.source(root / "source")
        extras = ("bridge", "embedded", "fast", "grafana", "page", "pi")
        debians.fetch(root / "wheels", suite, platform.machine(), *extras)
        build = "python3 /source/deploy/debian/build.py --out /out --wheels /wheels"
        made = System(root).say(build).split()
        return {Path(file).name.partition("_")[0]: root / file.lstrip("/") for file in made}

    return built


@pytest.fixture(scope="session")
def packages(suite: Suite, packages_for: Callable[[Suite], dict[str, Path]]) -> dict[str, Path]:
    """Both packages for the Debian of this test."""
    return packages_for(suite)


@pytest.fixture(scope="session")
def archive(
    suite: Suite, tmp_path_factory: pytest.TempPathFactory, part: Callable[[str], str]
) -> Path:
    """A fresh system in which the packages can run, as a tar file."""
    file = tmp_path_factory.mktemp("debian") / "root.tar"
    return debians.make(part("mmdebstrap"), suite, file, PACKED)


@pytest.fixture(scope="module")
def mosquitto(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, part: Callable[[str], str]
) -> Iterator[Mosquitto]:
    """A Mosquitto for gateways with certificates of the `authority` of a file's own."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker"), authority, part("mosquitto"))
    yield broker
    broker.end()
