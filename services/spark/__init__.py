"""Batch scoring on Spark: the step for more users than one machine gets through."""
