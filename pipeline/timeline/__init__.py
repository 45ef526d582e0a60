"""What changes in the course of a film, and when: points in time, read from a file."""
