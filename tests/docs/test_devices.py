"""docs/devices says what the driver files say, and its configuration blocks are read."""

from functools import partial

import pytest

from drivers import sdk
from gateway import config
from gateway.contract import settings
from tests.docs import devices
from tests.docs.test_pages import ROOT, blocks

NAMES = list(sdk.names())
TRY = "the pages of the devices are out of date; try: make docs"


def test_the_pages_are_those_of_the_drivers():
    there = {page.name for page in devices.FOLDER.iterdir()}
    assert {devices.INDEX, *(f"{name}.md" for name in NAMES)} == there, TRY


@pytest.mark.parametrize("page", [devices.INDEX, *(f"{name}.md" for name in NAMES)])
def test_a_page_says_what_its_driver_says(page):
    assert (devices.FOLDER / page).read_text("utf-8") == devices.pages()[page], TRY


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_of_a_page_is_read_without_a_mistake(name, tmp_path):
    (block,) = blocks(devices.FOLDER / f"{name}.md", "toml")
    for setting in sdk.load(name).settings:
        if setting.is_file and setting.name in devices.needed(sdk.load(name)):
            text = devices.needed(sdk.load(name))[setting.name]
            (tmp_path / devices.file_name(setting.name)).write_text(text, "utf-8")

    read = settings.parse(
        block, config.Config, name=name, check=partial(config.mistakes, base=tmp_path)
    )
    assert name == read.device[name].driver


def test_the_table_of_the_front_page_names_every_driver():
    front = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in NAMES if f"(docs/devices/{name}.md)" not in front]
    assert [] == missing, "add them to the table of devices in README.md"


def test_the_driver_of_the_page_about_new_devices_reads_its_examples():
    (source,) = blocks(ROOT / "docs" / "new-device.md", "python")
    module = {}
    exec(source, module)  # the page's own code
    device = module["DEVICE"]
    for example in device.examples:
        for chunks in ([example.stream], [bytes((byte,)) for byte in b"x" * 200 + example.stream]):
            session = device.open({})
            steps = [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()
            assert example.readings == tuple(r for step in steps for r in step.readings)
        assert device.recognise(example.stream)
