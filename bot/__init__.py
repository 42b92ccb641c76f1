"""
Slack, the dashboard and the `signpost` command: everything people touch.
"""
