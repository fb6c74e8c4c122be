"""Models, measurements and evidence for the course 《AIGC在各行业的应用前景》."""
