"""How much a result flickers, and how far it is from the look of single frames."""
