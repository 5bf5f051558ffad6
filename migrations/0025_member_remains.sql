-- What stood in the open, here or in earlier rows, leaves the places that no statement reaches.

{remove_remains}
