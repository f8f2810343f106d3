"""Performs the script of a probe on a wire and makes a Result of it. Never raises for what a peer did.

`shell` performs commands and times the stages; `failures` is the table of what an exception means at which stage;
`prober` holds what probes share (resolver, judge, last logins) and makes results.
"""
