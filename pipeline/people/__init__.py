"""Finds people and their faces in frames, and follows them from frame to frame."""
