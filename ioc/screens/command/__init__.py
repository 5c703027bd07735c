"""The command workspace (`/desk/command/ID`) and the list of incidents. Pure: records in, parts out."""
