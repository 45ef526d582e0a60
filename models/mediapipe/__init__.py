"""MediaPipe's nets that find people, as ONNX, and ``mediapipe.yaml``, which describes them."""
