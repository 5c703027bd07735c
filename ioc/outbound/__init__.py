"""What leaves the centre: notices by webhook, e-mail and messengers, steps of cases to the systems they came from."""
