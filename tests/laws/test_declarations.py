"""What a driver file declares can be relied on: its settings, and what importing it costs."""

import json
import subprocess
import sys

import pytest

from drivers import sdk
from drivers.sdk import Device, Setting, SettingError
from tests.laws.subjects import DEVICES, SUBJECTS, Subject, each_device, each_subject, readings

SETTINGS = [(subject, one) for subject in SUBJECTS for one in subject.device.settings]
each_setting = pytest.mark.parametrize(
    ("subject", "setting"), SETTINGS, ids=[f"{one.name}-{two.name}" for one, two in SETTINGS]
)
ODD = (
    "",
    " ",
    "x",
    "-1",
    "0",
    "1",
    "1.5",
    "1e9",
    "nan",
    str(10**12),
    "9" * 5_000,  # int() takes no more than 4,300 digits
    "é",
    "٣",
    "²",
    "\0",
    "a\nb",
    "00" * 16,
    "[[",
    "yes",
)
# An accelerator that is used where it is installed, and that nothing depends on.
OPTIONAL = {"fastcrc"}
IMPORTED = """
import sys
before = set(sys.modules)
import drivers.{name}
import json
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""


def _opened(device: Device, settings: dict[str, str]) -> sdk.Session | None:
    """A session, or None where a setting is refused as settings are to be refused."""
    try:
        return device.open(settings)
    except SettingError as error:
        refused = error
    assert refused.name in {setting.name for setting in device.settings}
    assert refused.what
    assert refused.allowed
    return None


@each_device
def test_a_device_without_settings_opens_or_names_the_one_it_lacks(device: Device) -> None:
    if _opened(device, {}) is None:
        with pytest.raises(SettingError) as refused:
            device.open({})
        assert refused.value.name in device.examples[0].settings


@each_subject
def test_a_default_that_is_written_out_changes_nothing(subject: Subject) -> None:
    defaults = {one.name: one.default for one in subject.device.settings if one.default}
    written = Subject(subject.device, defaults | dict(subject.settings), subject.examples)
    for shown in subject.examples:
        assert readings(written, shown.stream) == shown.readings


@each_setting
@pytest.mark.parametrize("odd", ODD, ids=lambda text: repr(text[:12]))
def test_an_odd_setting_works_or_is_refused_by_name(
    subject: Subject, setting: Setting, odd: str
) -> None:
    session = _opened(subject.device, dict(subject.settings) | {setting.name: odd})
    if session is not None:
        session.timeout()
        for shown in subject.examples:
            session.feed(shown.stream)
        session.timeout()


@each_device
def test_settings_have_names_of_their_own(device: Device) -> None:
    taken = ["driver", "port", "line", *(setting.name for setting in device.settings)]
    assert len(set(taken)) == len(taken)
    assert all(setting.name.isidentifier() and setting.meaning for setting in device.settings)


@each_device
def test_importing_a_driver_takes_the_standard_library_and_nothing_else(device: Device) -> None:
    command = [sys.executable, "-c", IMPORTED.format(name=device.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    foreign = set(json.loads(done.stdout)) - {"drivers"} - OPTIONAL - sys.stdlib_module_names
    assert set() == foreign


def test_every_driver_is_looked_at() -> None:
    assert [device.name for device in DEVICES] == list(sdk.names())
