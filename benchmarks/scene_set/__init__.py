"""Labelled videos for the detection of changes, made by code: the same for the same seed, on any machine."""
