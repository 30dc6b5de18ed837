"""Gates: conditions with evidence that a stage change needs. Pure: evidence in, results out. One gate a module, each with a `check`.

A gate passes only on evidence that is enough and fresh. Where there is too little of it, or it is too old, or the check
couldn't be made, the result is inconclusive, and that is never a pass (invariant 7).
"""

from strangler.cutover.gates.needed import NEEDED as NEEDED
from strangler.cutover.gates.needed import needed as needed
from strangler.cutover.gates.registry import CHECKS as CHECKS
from strangler.cutover.gates.registry import judge as judge
from strangler.cutover.gates.registry import results as results
from strangler.cutover.gates.result import Gate as Gate
from strangler.cutover.gates.result import GateResult as GateResult
from strangler.cutover.gates.result import Verdict as Verdict
