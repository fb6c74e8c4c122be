"""What a generator must keep to once it leaves the laptop: privacy, encryption, marks and cards."""
