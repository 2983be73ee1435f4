"""`cxpack local`: every API of a project in its own process, behind one address."""
