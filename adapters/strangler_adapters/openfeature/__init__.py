"""OpenFeature: code inside a process asks who owns a function, by the standard that its flags come by already.

The flags of a function `party`, for `openfeature-sdk`:

- `party`: `legacy` or `new`, who answers this caller's reads;
- `party.owner`: `legacy` or `new`, who may write;
- `party.new`: whether new answers this caller's reads.
"""

from strangler_adapters.openfeature.provider import StranglerProvider as StranglerProvider
