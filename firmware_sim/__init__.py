"""Devices that do not exist: encoders from the specifications, a village with a true answer."""
