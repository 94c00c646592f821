"""The sealed document: age file, package, manifest."""
