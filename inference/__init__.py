"""
A requirement and a catalog (and a release) in; ranked modules with confidence and reasoning out.
"""
