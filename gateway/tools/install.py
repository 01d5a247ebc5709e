"""`meterkast install`: write what other programs need. Each is loaded by name when called."""

import cyclopts

WHAT = {
    "compose": "ledger_bridge.commands.install_compose:compose",
    "grafana": "ledger_bridge.grafana.install:grafana",
    "mosquitto": "ledger_bridge.commands.install_mosquitto:mosquitto",
    "systemd": "gateway.tools.services:systemd",
    "udev": "gateway.tools.udev:udev",
}

app = cyclopts.App(name="install", help="Write what other programs need; shown first, then asked.")
for _name, _target in WHAT.items():
    app.command(_target, name=_name)
