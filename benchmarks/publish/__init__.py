"""Publishing a suite, and what anybody does with a published one."""
