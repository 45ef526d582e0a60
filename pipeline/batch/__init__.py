"""Many inputs in one run: which they are, where each result goes, and the report."""
