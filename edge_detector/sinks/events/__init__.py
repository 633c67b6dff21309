"""The sink ``events``: one record for each visit in a database."""
