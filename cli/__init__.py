"""One file per command; the only room that knows all the others, and imports them lazily."""
