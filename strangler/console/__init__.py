"""The console: the page that shows how the migration stands, and the API behind it. It reads and never changes anything."""
