"""Whether what runs on a cluster fits on its nodes: what pods request against what nodes offer, group by group."""
