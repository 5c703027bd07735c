"""Lists of the desk as files: CSV and Excel, whole, under the asker's scope, with a head that says what they are."""
