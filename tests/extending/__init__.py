"""To add a part to the program is to write one file and one line of a table: each row of that promise, tried."""
