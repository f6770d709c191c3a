"""`interlock simulate`: requests through a routing table in virtual time, under scenarios.

`arrivals` and `log` make requests, `plans` decides them by the plugin's own function, `engine` and `walk` are
the gateway, `scenario` is what happens to it, `tally` counts, `results` and `text` tell.
"""
