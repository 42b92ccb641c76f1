"""
What is learned once, across the histories of many public repositories, and ships with Signpost.
"""
