"""The operations of the Rekognition protocol, one module for each family.

They check requests and shape answers; vectors and pixels are worked on in the modules above.
"""
