"""One module an industry: domain engines, renderers and reports; no model code."""
