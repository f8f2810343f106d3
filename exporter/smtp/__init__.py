"""The SMTP conversation, without I/O: bytes to replies, replies to facts, and what to say next."""
