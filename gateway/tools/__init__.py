"""Commands for whoever sets up a device: find it, hear it, capture it, calibrate it."""
