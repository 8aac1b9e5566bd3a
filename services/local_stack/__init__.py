"""What runs on a laptop and nowhere else: AWS's APIs with a memory, and a worker that has its imports behind it."""
