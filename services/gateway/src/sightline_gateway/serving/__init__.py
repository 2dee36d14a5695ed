"""Who may connect, how much they may send, and what becomes of it: WebSockets in, sessions behind."""
