"""The benchmarks of what runs: the proxy with our plugin beside the bare one, and the decision alone."""
