"""What a style is and how it is learned: PyTorch. Knows nothing of video files or ONNX."""
