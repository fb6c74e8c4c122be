"""One VAE in several frameworks: the same weights, batches and noise, each framework in a process of its own.

``torch_vae``, ``keras_vae`` and ``jax_vae`` write the same model, each in its framework's idiom, and offer the same
functions to ``worker``; ``compare`` starts a worker for each framework and reads its report. Importing this package
imports none of them.
"""
