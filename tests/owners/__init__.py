"""Who may be written to: two facades, while a function changes its owner again and again and the control store fails.

    python -m tests.owners [--minutes 10] [--seed N]

Facade `a` runs two workers, facade `b` one; both are the processes that users run. PostgreSQL is the control store: it is stopped,
killed and started again, at rest and in the middle of a switch; `b` reaches it through a wire that is cut for it alone, or goes dead.
The conductor moves the function to new and back, with its gates, its journal and its fence, in a process that dies when it loses the
control store, as a command does. Callers write through both facades without pause, and both sides note when they carry out what.

Shown is: every write that was carried out was carried out by the owner of that moment, as the journal has it, before older facades had
acknowledged the fence or after it was lifted; none reached both sides; what callers were told is what happened. A facade that lost the
control store goes on with what it knows until its lease is over, then refuses writes and says why; writes go on when the store is back.
"""
