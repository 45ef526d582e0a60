"""Plays a style model over video: numpy, av, cv2, onnxruntime. Never torch."""
