"""The same engine, as it happens."""
