"""Connections: settings, SQL tables and queries, queues, jobs, schedule and the resident model process."""
