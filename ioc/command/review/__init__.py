"""The after-action report (复盘报告): figures, maps and document of a closed incident, and the life of its review."""
