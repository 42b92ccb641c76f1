"""
A repository at a commit, turned into a catalog of module cards, a code knowledge graph and its past
requirements.
"""
