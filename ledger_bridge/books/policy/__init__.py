"""The community's dated rules, as data."""
