"""Where live frames come from: cameras, streams, screens."""
