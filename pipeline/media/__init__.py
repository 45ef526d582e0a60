"""Bytes to frames and frames to bytes: sources, colours, writers, the join."""
