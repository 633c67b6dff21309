"""What a run needs beside its loop: what sinks may know of it, its rates, its heat, and changes while it runs."""
