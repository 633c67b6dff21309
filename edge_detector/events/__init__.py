"""What happened, kept: a SQLite database with one record for each visit, and the questions that can be put to it."""
