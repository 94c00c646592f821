"""One module for each revision, frozen: none of them reads `exchange.hub.storage.tables`."""
