"""The one way in: pure validation with a reason per field, and the pipelines that write what is valid."""
