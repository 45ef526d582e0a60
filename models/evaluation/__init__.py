"""How a picture paints: figures that need PyTorch."""
