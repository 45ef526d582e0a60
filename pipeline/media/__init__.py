"""Bytes to frames and back: files are read, encoded, written and joined here."""
