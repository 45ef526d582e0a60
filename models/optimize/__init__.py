"""Pictures painted by optimisation: Gatys, textures, Deep Photo Style Transfer."""
