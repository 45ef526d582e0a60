"""A film in chunks: rendered one by one or side by side, written down, resumed and joined."""
