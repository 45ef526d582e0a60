"""Measure the main job in processes of its own: the whole, its start, its stages, its threads."""
