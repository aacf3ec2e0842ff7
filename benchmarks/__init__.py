"""What the service costs, measured: each part alone, or all of them by `make bench`."""
