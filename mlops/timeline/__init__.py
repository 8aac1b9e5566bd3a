"""How long a stack takes to come up and to go, and what stands in the way, computed from its graph."""
