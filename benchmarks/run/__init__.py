"""Running a suite: what is planned, who works on it, and what is kept on disk."""
