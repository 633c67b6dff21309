"""One message a visit, to where people are: each service is one file, and one line in `SINKS`."""
