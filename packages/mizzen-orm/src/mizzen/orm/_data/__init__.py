"""Results as tables: lists that show themselves, data frames, diagrams of the schema."""
