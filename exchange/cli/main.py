"""The command `exchange`: picks one side, runs it, and turns every error into one line.

Only the module of the chosen command is imported: the hub's process never loads the agency's
side, and `exchange --help` is quick.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from exchange.cli.reflow import Reflowing

FAILED = 1
"""Exit code: the command was understood and did not succeed."""
USAGE = 2
"""Exit code: the command line was not understood."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells count."""
PIPE_CLOSED = 141
"""Exit code when the reader of our output left: 128 + SIGPIPE, as shells count."""

DAY = "a day is written YYYY-MM-DD, such as 2026-08-31"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: without the program's name; those of this process if not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except CycloptsError as error:
        _complain(f"{_usage(error)} ({_help(error)} explains)")
        return USAGE
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit; the reader is gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the text of a foreign one can quote a document
        from exchange.cli.tell import in_words

        _complain(in_words(error))
    return FAILED


def root_app(chosen: str = "") -> App:
    """Return the application with every command named and only `chosen` loaded."""
    app = App(
        name="exchange",
        help="Documents between agencies, sealed end to end, only under a signed consent.",
        version=version("consent-exchange"),
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        help_format="plaintext",
        help_formatter=Reflowing(),
    )
    for name, (load, summary) in _commands().items():
        app.command(load() if name == chosen else App(name=name, help=summary))
    return app


def _commands() -> dict[str, tuple[Callable[[], App], str]]:
    return {
        "hub": (_hub, "Run the hub: the server that stores, decides and cannot read."),
        "gateway": (_gateway, "Run an agency's side: send, fetch and open documents."),
        "keys": (_keys, "Make, show, rotate, pin and revoke an agency's keys."),
        "agreement": (_agreement, "Propose, sign and show agreements between agencies."),
        "consent": (_consent, "Record, sign, show and withdraw a person's consent."),
        "requests": (_requests, "Ask a partner for documents, and see what partners ask for."),
        "officer": (_officer, "Ask the hub what a privacy officer asks, for tools of her own."),
        "auditor": (_auditor, "Ask the hub what an auditor asks, for tools of her own."),
        "plugin": (_plugin, "Begin a plugin, see which are installed, and try one."),
        "log": (_log, "Check the transparency log, and take proof along."),
        "report": (_report, "Figures of an agreement, without persons: as PDF, CSV or JSON."),
        "demo": (_demo, "Show the whole journey of a document on this machine."),
    }


def _hub() -> App:
    from exchange.cli.hub import hub_app

    return hub_app()


def _gateway() -> App:
    from exchange.cli.gateway import gateway_app

    return gateway_app()


def _keys() -> App:
    from exchange.cli.keys import keys_app

    return keys_app()


def _agreement() -> App:
    from exchange.cli.agreement import agreement_app

    return agreement_app()


def _consent() -> App:
    from exchange.cli.consent import consent_app

    return consent_app()


def _requests() -> App:
    from exchange.cli.requests import requests_app

    return requests_app()


def _officer() -> App:
    from exchange.cli.officer import officer_app

    return officer_app()


def _auditor() -> App:
    from exchange.cli.auditor import auditor_app

    return auditor_app()


def _plugin() -> App:
    from exchange.cli.plugin import plugin_app

    return plugin_app()


def _log() -> App:
    from exchange.cli.log import log_app

    return log_app()


def _report() -> App:
    from exchange.cli.report import report_app

    return report_app()


def _demo() -> App:
    from exchange.cli.demo import demo_app

    return demo_app()


def _run(arguments: list[str]) -> int:
    app = root_app(arguments[0] if arguments else "")
    answer = app(arguments, exit_on_error=False, print_error=False, verbose=False)
    sys.stdout.flush()
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else 0


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with a command line; how a day is written, where one is not."""
    return re.sub(r'unable to convert ".*" into datetime', DAY, " ".join(str(error).split()))


def _help(error: CycloptsError) -> str:
    """Return the command line that explains the command as far as it was understood."""
    return " ".join(("exchange", *(error.command_chain or ()), "--help"))


def _complain(text: str) -> None:
    print(f"exchange: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
