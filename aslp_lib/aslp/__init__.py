"""Adaptive Stochastic Label Perturbation (ASLP): the paper's method and nothing else.

It holds label perturbation, the Bernoulli switch and SC-BCE (the stochastic part), and the rules
that learn a perturbation level for each training image (the adaptive part).
"""
