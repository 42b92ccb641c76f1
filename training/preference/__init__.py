"""
The step after fine-tuning that learns from what people thought of answers, or from a reward that can be checked.
"""
