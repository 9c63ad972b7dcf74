"""How a store of an older schema becomes one of this software's: a file a step, none ever changed once it was released."""
