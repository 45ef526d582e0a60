"""PyTorch → ONNX files that keep the model contract, and the proof that they do."""
