"""Who is asking: accounts, roles, sessions, tokens, walls and embeds. Rules are pure; use-cases stand beside them."""
