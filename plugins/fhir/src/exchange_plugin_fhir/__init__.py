"""Intake and outgoing format `fhir`: documents as a bundle of HL7 FHIR, R4B or R5."""
