"""What a stack costs, computed from its graph: a price book, a rule for each type of resource, assumptions of use."""
