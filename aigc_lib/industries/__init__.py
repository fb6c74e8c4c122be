"""One module an industry: domain engines, renderers and reports. No model code lives here."""
