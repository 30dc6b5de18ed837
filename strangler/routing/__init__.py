"""Routing: which function a request belongs to, and which side answers it. Pure: no clock, no I/O, no chance.

table = compile_routes(settings.functions, settings.facade)     once
found = table.find(asked)                                       the head; raises BadPath
values = …                                                      what found.wanted asks for, from the body
decision = decide(table, standings, asked, found, values, who, draw)
route = table.settle(asked)                                     sooner, where path and method tell all; then decide_settled(…)
still_answers(standings, decision)                             for calls that go on, when the standings have changed
"""

from strangler.routing.asked import OPERATION as OPERATION
from strangler.routing.asked import Asked as Asked
from strangler.routing.asked import Values as Values
from strangler.routing.asked import Wanted as Wanted
from strangler.routing.asked import Who as Who
from strangler.routing.decision import BUCKETS as BUCKETS
from strangler.routing.decision import UNROUTED as UNROUTED
from strangler.routing.decision import bucket as bucket
from strangler.routing.decision import decide as decide
from strangler.routing.decision import decide_settled as decide_settled
from strangler.routing.paths import BadPath as BadPath
from strangler.routing.remembered import NOTHING as NOTHING
from strangler.routing.remembered import Pins as Pins
from strangler.routing.remembered import Remembered as Remembered
from strangler.routing.route import CompiledRoute as CompiledRoute
from strangler.routing.ruling import Decision as Decision
from strangler.routing.standings import Standings as Standings
from strangler.routing.standings import Trust as Trust
from strangler.routing.standings import picture as picture
from strangler.routing.still import still_answers as still_answers
from strangler.routing.table import Found as Found
from strangler.routing.table import RouteTable as RouteTable
from strangler.routing.table import compile_routes as compile_routes
