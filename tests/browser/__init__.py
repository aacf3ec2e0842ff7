"""The pages in a real browser: the whole local stack behind the front door, Debian's Chromium before it."""
