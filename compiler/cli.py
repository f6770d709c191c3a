"""The command line: names the verbs, loads one only when it is called, and turns a crash into exit code 3."""

import importlib
import os
import sys

import click

from compiler import __version__

VERBS = {
    "check": "Fail when out/ is not what render would write.",
    "dev": "Run the compiled gateways on this machine, with simulated providers.",
    "docs": "Print the page of a diagnostic's code, or the table of codes.",
    "explain": "Show the route of a request, and why each other model lost.",
    "plan": "Show what a change does: to requests, safety, cost and the cluster.",
    "render": "Compile catalogs into out/<name>/.",
    "schema": "Print the catalog's JSON Schema.",
    "simulate": "Play traffic through the routes: who answers, what fails, what it costs.",
    "test": "Run the routing tests of catalogs, and say what no test covers.",
    "validate": "Check catalogs: source, schema, references, interlocks.",
}


class _Verbs(click.Group):
    """Verbs are modules of `compiler.commands`; listing them loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"compiler.commands.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from compiler.diagnostics import nearest  # noqa: PLC0415

            close = nearest(args[0], VERBS) if args else None
            if close and "No such command" in error.format_message():
                ctx.fail(f"No such command {args[0]!r}. Did you mean {close!r}?")
            raise


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="interlock")
def cli() -> None:
    """Compile one YAML of models and routing strategies into a LiteLLM gateway on Kubernetes.

    \b
    Start here:
      interlock validate catalog/foundational-models.yaml
      interlock render
      interlock dev

    Exit codes: 0 ok, 1 problems found, 2 wrong usage, 3 a defect of Interlock itself.
    """  # noqa: D301


def main() -> None:
    """The entry point of `interlock`."""
    try:
        cli(prog_name="interlock")
    except (SystemExit, KeyboardInterrupt):
        raise
    except BrokenPipeError:  # `interlock schema | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("INTERLOCK_TRACEBACK"):
            raise
        click.echo(f"interlock: internal error: {type(error).__name__}: {error}", err=True)
        click.echo("This is a defect of Interlock. INTERLOCK_TRACEBACK=1 shows where it happened.", err=True)
        sys.exit(3)
