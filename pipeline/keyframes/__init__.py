"""Painted frames, and how they reach the others."""
