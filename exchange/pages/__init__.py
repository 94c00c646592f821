"""What pages for people share, at the hub and at a gateway: words, looks, pieces of markup."""
