"""Programs and runs for people: tables, pictures, timelines."""
