"""What belongs to an industry and not to a model: domain engines, renderers, reports. One module an industry."""
