"""Mail servers that exist only on loopback, for `smtp-exporter demo` and for the tests: healthy ones and broken ones.

- `certificates`: the zoo, one certificate for each way a certificate can be wrong.
- `tls`: the TLS side of a server: certificates, versions, ciphers, SNI.
- `server`: a server that performs a script with each client. `client`: the client as a script sees it, its verbs.
- `conversation`: what is remembered of a client.
- `ports`: ports that nobody answers on.
- `nameserver`: a nameserver that serves a zone file.
- `healthy`: the script of a mail server as the norms want it, out of parts.
- `dialogues`: the ways in which a mail server misbehaves.
- `scripts`: the table of ready scripts, one for each way an SMTP port can behave.

    with Zoo() as zoo:
        async with Server(SCRIPTS["certificate_expired"](zoo)) as server:
            ...  # talk to 127.0.0.1:{server.port}; what was said is in server.conversations

Nothing here may be imported by the agent itself.
"""
