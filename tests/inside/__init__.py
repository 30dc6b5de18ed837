"""Code inside a process that asks who owns a function, and writes by itself."""
