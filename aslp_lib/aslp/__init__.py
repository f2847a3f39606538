"""Adaptive Stochastic Label Perturbation (ASLP): the method of Liu et al. (ICCV 2023).

The modules follow the paper. With its symbols:

- `perturbation`: the perturbed label `p(y, beta)` of perturbation strength beta, and the Bernoulli
  switch Z that selects it (the stochastic part).
- `loss`: SC-BCE, the self-calibrating binary cross entropy.
- `alphas`: the perturbation level alpha_i of each training image i and its update with step size
  eta (the adaptive part).
- `rules`: the constraint term R_i, whose weight is lambda.
- `theory`: closed forms of what training on perturbed labels leads to.
- `sharing`: alphas in a training loop of several processes.
- `inputs`: checks of logits, labels, alphas and indices.

The paper has two classes, foreground and background. Where logits have K channels, the same
functions compute the extension of this project to K classes, in which 1/K takes the place of 1/2.
"""
