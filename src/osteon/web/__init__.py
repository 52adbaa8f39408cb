"""The reader-study web application: a server, a database and pages without any outside asset.

The folder it serves holds no label: the key that joins readings to the truth never leaves the study's own folder.
"""
