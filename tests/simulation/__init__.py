"""Deterministic simulation: the daemon, the KIS simulator and a Telegram stub on a simulated network, by seed.

market      one trading date of a few symbols whose prices make orders
store       the daemon's database under power cuts, locks and lost answers
weather     the faults of a seed, and when they strike
town        the hosts: booted, cut off, killed, started again
watch       what must hold whenever the broker is asked for something, and at the end of the day
day         one seed from pre-open to night, and its report
mutants     safeguards switched off one at a time: each must be found
"""
