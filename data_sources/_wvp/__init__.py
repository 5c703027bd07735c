"""The interface of WVP-PRO, and one poll of it."""
