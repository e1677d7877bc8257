"""From tables and protocols to runs: resolved configurations, their graph, their cost."""
