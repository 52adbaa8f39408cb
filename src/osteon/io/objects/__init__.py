"""What a model says of a DICOM radiograph as DICOM objects of its study, by hand of highdicom (the extra ``dicom``).

    report      structured report, TID 1500: box, probability, interval, calls, who says so
    picture     secondary capture: everything burned in, for viewers that show nothing else
    overlay     grayscale softcopy presentation state: the box over the radiograph
    region      segmentation of the lesions, where there are masks
    heat_map    fractional segmentation: where the model looks

Identifiers are made from radiograph, model and answer, and dates are the radiograph's: the same question gives the same
bytes.
"""
