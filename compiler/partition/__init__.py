"""What two routing tables do differently: the partition of all requests that they induce.

To the decision, a request is what it asks for (a strategy, a model, both or nothing), its kind, its size,
what it uses, what it requires and who is down. Each of these tells apart finitely many classes, because only
facts of the models that can come into its route are compared with it. `changes` walks through all of them and
names each pair of routes that one request gets from the two tables, with the plainest such request.

    asks     what a request asks for, and the order in which each table looks at models for it
    lenses   which deployments are left of those models, as bits: one table's half, and both
    options  what a request may require, and who may be down: each an AND of bits
    sizes    the sizes of prompt and answer at which anything changes
    limits   limits of price and cost that a request may set, at one size
    search   every combination; which of them the tables route differently
    examples a request in full for each; `words` says what such requests have in common
    compare  all of it
"""

from compiler.partition.change import Change, Changes, Hop
from compiler.partition.compare import changes

__all__ = ["Change", "Changes", "Hop", "changes"]
