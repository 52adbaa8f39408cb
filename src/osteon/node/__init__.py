"""A node in a hospital's network: takes radiographs and what is drawn on them, asks the model, sends its answers.

    callers -> listening (C-STORE) | watching (DICOMweb) -> receiving -> queue (SQLite, files)
    queue -> answering (the model) -> queue -> posting (osteon send) -> archive
    health: how it goes, in numbers

An object is acknowledged when it is on the disk and in the queue. From then on it is answered, whatever ends the
process: an answer is made of radiograph, drawings and model, so that what is sent again is the same object.
"""
