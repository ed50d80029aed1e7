"""Trained weights, kept and found again: by the code behind them, on this machine, or as they were published."""
