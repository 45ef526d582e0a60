"""The networks, as their papers have them."""
