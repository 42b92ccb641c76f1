"""
Graph, history and reviewed feedback in; a verified release with its scorecard out.
"""
