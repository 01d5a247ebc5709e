"""What several unit tests ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lines import Pty


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    plugged = Pty(tmp_path / "port")
    yield plugged
    plugged.unplug()
