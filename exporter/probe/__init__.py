"""Performs the script of a probe on a wire and makes a Result of it. Never raises for what a peer did.

`shell` performs commands and times the stages, and keeps the `transcript`; `failures` is the table of what an exception
means at which stage; `logins` says when a login is due, `passwords` reads what it needs beside the event loop, and
`redaction` hides that wherever a peer repeats it; `second_look` asks a silent port whether it waits for TLS;
`prober` holds what probes share and makes results.
"""
