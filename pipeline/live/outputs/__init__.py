"""Where live frames go: windows, pages, streams, recordings, virtual cameras."""
