"""What runs in the proxy, as `interlock_runtime`: it imports nothing of the compiler."""
