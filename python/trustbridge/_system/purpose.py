"""What a certificate is used for."""

SERVER, CLIENT = "server", "client"
