"""The local pages of a gateway, for offices without a back office of their own."""
