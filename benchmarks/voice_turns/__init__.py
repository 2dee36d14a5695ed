"""What the benchmark of voice turns is made of."""
