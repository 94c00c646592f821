"""The questions of privacy officers: one module per question, each answers for one agency."""
