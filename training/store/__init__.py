"""What is kept of a training and found again: by the code behind it, on this machine, or as it was published."""
