"""ONNX files as data: what they promise, and how they are rewritten, quantised and run."""
