"""What a change does to what exists: which resources are added, updated, replaced or deleted, and what data goes."""
