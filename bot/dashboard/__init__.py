"""
The browser surface for leads: how good the answers are, where they fail, which corrections are true.
"""
