"""Pixels in, pixels out: NumPy and OpenCV, no files and no time."""
