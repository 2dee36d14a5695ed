"""What can be said about a picture without any model: measurements, and what is written in it."""
