"""Who callers are: tokens checked at the edge, and the signed word that new services get.

`keys` reads an issuer's keys, `issuer` keeps them fresh, `verifier` checks a token in less time than it takes to route a call, `claims`
says what of it counts, `signing` tells a new service. Nothing here is on the way of a call that nobody wants checked.
"""
