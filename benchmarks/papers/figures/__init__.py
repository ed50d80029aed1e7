"""Figures that serve a paper: frames in, a figure out. The papers say what is drawn, and of what."""
