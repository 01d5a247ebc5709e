"""The devices that do not exist: one file each, named as its driver."""
