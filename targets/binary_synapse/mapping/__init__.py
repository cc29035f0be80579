"""From an integer graph to a program: rules, tiles, packing, places, routes, parts."""
