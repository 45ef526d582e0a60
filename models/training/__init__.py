"""How nets learn to paint."""
