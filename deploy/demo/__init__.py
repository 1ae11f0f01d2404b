"""The demonstration: four cities trade, from registration to discharge (deploy/demo.sh).

__main__    the command: options, signals, cleaning up, exit status
story       every figure, date and expected code (story.toml), and the input files
stage       the network as processes: start, clock, kill, restart, one state root on all nodes
desk        transactions in the name of users; what was refused left everything as it was
money       wallets at the registration center, payments and their proofs
opening     steps 0 to 3: network, parties, e-invoices, customs declaration
lending     steps 4 to 6 and 10 to 12: financing against payment proofs, and the attacks on it
credential  steps 7 to 9 and 13: issued, split, transferred, paid at maturity
outage      a city killed in the middle and started again
evidence    step 14: one file that shows all of it, checked offline by two programs
report      the lines people read
"""
