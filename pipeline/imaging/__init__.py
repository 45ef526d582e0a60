"""Pixels in, pixels out, with NumPy and OpenCV: no files and no time."""
