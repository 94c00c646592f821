"""Intake format `folder`."""
