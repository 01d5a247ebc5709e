"""The books as people read them: statements, reasons, why something does not count."""
