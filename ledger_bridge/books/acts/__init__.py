"""What somebody decides: decided once, in book order, and logged with its outcome."""
