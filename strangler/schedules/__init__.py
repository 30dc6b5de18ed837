"""Schedules: what the configuration says to do again and again, done by whichever worker sees first that it is due.

`cron` reads the times, `due` decides, `apart` carries one out in a process of its own, `timekeeper` brings them together in a worker.
What was done last is in `strangler.control.schedules`, so no two workers do the same slot, and a slot that was missed while none ran is
done once.
"""
