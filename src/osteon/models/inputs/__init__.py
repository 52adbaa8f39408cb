"""From a case to what a model is shown: the input itself, crops, changes of box and picture, augmentation."""
