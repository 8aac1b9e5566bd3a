"""Which versions a stack pins, how long they are supported, and the way to the next ones, computed from its graph."""
