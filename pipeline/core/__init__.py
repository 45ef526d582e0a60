"""What every package may import: errors, settings, units, frames, threads, files."""
