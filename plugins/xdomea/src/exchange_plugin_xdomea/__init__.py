"""Intake and outgoing format `xdomea`: records of German public administration."""
