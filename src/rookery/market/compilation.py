"""How the functions that run once per bar and account are compiled."""

from functools import partial

from numba import njit

# Without numba's own memory management (its option `_nrt`): else every mention of an array in a record counts a
# reference, atomically, there and back, and the bar ledger takes 117 ns a bar in place of 10. It is sound here because
# these functions only read and write arrays that their caller holds, and allocate none; numba refuses to compile one
# that would.
hot = partial(njit, cache=True, nogil=True, error_model="numpy", _nrt=False)
inlined = partial(hot, forceinline=True)
