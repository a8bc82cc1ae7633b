"""Plays scheduler and peer to one worker of any language, and checks what the protocol demands.

An outside judge: it speaks the protocol by the generated stubs, and knows no worker from inside.
"""
