"""Cameras that are none: a small video platform with pictures made by ffmpeg, for the demo and for tests."""
