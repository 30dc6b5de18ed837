"""The Tryton example of the cutover: parties, then products, then sales move to three services, while two companies go on working.

    python -m tests.tryton.cutover [--keep FOLDER]

Clerks create and edit parties, products and orders through Tryton's own client library, pointed at the facade. After every move the
trial balance and the open orders are the same by Tryton's own API, by SQL on its tables, and in the stores. No call may fail other than
by a fence's 503. With `--keep` the installed Tryton stays in the folder, and the next run begins at once.
"""
