"""Whatever repaints a frame: trained nets, any picture, colour tables."""
