"""The formats of labelled data sets: a file for each, which finds, reads and writes it."""
