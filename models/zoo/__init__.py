"""The trained ONNX files that ship, and ``zoo.yaml``, which says what each is."""
