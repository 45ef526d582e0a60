"""How steady and how faithful a result is."""
