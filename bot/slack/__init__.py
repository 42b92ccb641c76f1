"""
Signpost in Slack: events in, one message per question out.
"""
