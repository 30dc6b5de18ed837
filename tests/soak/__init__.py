"""A facade in bad weather: callers of every kind, upstreams that do everything wrong, and nothing may leak, hang, double or mix up.

    python -m tests.soak [--minutes 30] [--rate 150] [--seed N]

The facade is the process that users run. Legacy and the new services, both played here, spoil calls one by one, each as the seed and
the call's id have it: reset, hung, slow, cut short, too long, garbage. Beside that there is weather, drawn from the seed for each side:
nobody listens, nobody accepts, everything is 503, nothing is answered, every connection is cut. Callers meanwhile read and write, on kept
connections and on new ones, pipelined now and then, slowly now and then, some leave in the middle; weights of canaries change, a function
is shadowed, two are translated, WebSockets and streams of events run along.

Shown is: every caller got an answer, or a clean end, within its budget, and never somebody else's answer, or half of one that looks whole;
no write reached an upstream twice, and one that was answered with success reached it once, whole; memory is flat after a warm-up;
sockets, tasks and calls are back to nothing at the end; and the facade's log has no error.
"""
