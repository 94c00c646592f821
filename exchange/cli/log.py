"""`exchange log`: check the transparency log, take proof along, and help to keep it honest.

What a command needs it loads when it is run: the hub's side and an agency's never share a process.
"""

from cyclopts import App

from exchange.cli.log_coverage import coverage
from exchange.cli.log_export import export
from exchange.cli.log_import import import_
from exchange.cli.log_policy import policy
from exchange.cli.log_rekey_vault import rekey_vault
from exchange.cli.log_scan import scan
from exchange.cli.log_succeed import succeed
from exchange.cli.log_verify import verify
from exchange.cli.log_witness import witness


def log_app() -> App:
    """Return the commands of `exchange log`."""
    app = App(
        name="log",
        help="Check the transparency log, and take proof along.\n\n"
        "`verify`, `coverage` and `scan` need no hub and believe nobody: give them the policy "
        "file of your agency, a log or an export of one, and what you kept.",
        help_format="plaintext",
    )
    for command in (verify, export, coverage, scan, policy, witness, rekey_vault):
        app.command(command)
    app.command(import_, name="import")
    app.command(succeed)
    return app
