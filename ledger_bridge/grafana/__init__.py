"""What a stock Grafana is given: dashboards, alerts, and where it finds the series.

Boards are written as values (`panels`), with their queries (`query`) and their words in both
languages; `rollups` sets the database up. Only `query` and what imports it need the package
grafana-foundation-sdk.
"""
