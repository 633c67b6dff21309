"""Files that survive a full disk and a power cut: films, lines, folders that stay within their limits."""
