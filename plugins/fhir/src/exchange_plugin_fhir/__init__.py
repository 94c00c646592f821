"""Plugin `fhir`."""
