"""The trained ONNX files that ship, and ``zoo.yaml``, which describes them."""
