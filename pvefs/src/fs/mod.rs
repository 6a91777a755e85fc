//! What a save, a rename or a removal means, without FUSE types.
