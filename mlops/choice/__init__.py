"""Choosing: what other stacks would be, told side by side."""
