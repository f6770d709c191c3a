"""A plan as sections of words and grids, a module a concern; `page` puts them together."""
