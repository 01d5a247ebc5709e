"""The home link: what the devices say, for Home Assistant and whoever listens in the house."""
