"""The trained ONNX files that ship, and ``zoo.yaml``: name, artist, year, licence, sha256, figures."""
