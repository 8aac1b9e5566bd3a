"""What the README promises, measured. `make bench` prints promise, measurement and their ratio, all of one run."""
