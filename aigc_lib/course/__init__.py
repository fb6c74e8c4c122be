"""Runs the notebooks, keeps the ledger, builds the site: everything behind the ``aigc`` command."""
