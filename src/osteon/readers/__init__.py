"""Does it help readers? Plans of reader studies, their readings, and what the readings say.

Knows no images and no networks: plain tables in, plain tables out.
"""
