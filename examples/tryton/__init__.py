"""The example: the function `party` of a Tryton ERP moves to a service of its own, while a client keeps working."""
