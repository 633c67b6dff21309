"""The command edge-detector dataset check: what is wrong with a labelled data set, before hours are spent on it."""
