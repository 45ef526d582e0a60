"""ONNX files as data: the contract, sessions, graphs read, rewritten and quantised."""
