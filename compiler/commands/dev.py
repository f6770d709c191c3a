"""`interlock dev`: the compiled gateways on this machine."""

import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from compiler.commands.common import catalogs, exit_code, show
from compiler.dev.extra import missing_extra
from compiler.dev.processes import GatewayError
from compiler.dev.rewrite import NotRunnableError
from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import Outcome, render

FIRST_PORT = 4000


@click.command("dev")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--down", multiple=True, metavar="PROVIDER", help="Start with this provider refusing connections."
)
@click.option("--port", type=click.IntRange(0, 65000), default=FIRST_PORT, show_default=True,
              help="Port of the first gateway; the others follow. 0 takes free ones.")  # fmt: skip
@click.option("--gateway", "first", metavar="NAME", help="The gateway that gets --port (default: a router).")
def command(file: Path | None, down: tuple[str, ...], port: int, first: str | None) -> None:
    """Run the compiled gateways here: the real LiteLLM proxy, simulated providers. Ends with Ctrl-C.

    Everything listens on 127.0.0.1 alone and asks for no key. Providers can be taken down and slowed
    while it runs, through the control address that is printed.

    \b
    Example:
      interlock dev
      interlock dev --down vertex-ai --down openai
      interlock dev catalog/current.yaml --port 4100
    """  # noqa: D301
    missing = missing_extra()
    if missing:
        raise click.ClickException(missing)
    found = catalogs((file,) if file else ())
    if len(found) > 1:
        raise click.UsageError(f"say which catalog: {', '.join(str(path) for path in found)}")
    outcome = render(found[0])
    if outcome.bundle is None:
        show([outcome], "text")
        sys.exit(exit_code(outcome.diagnostics))
    _check_providers(outcome, down)
    _run(outcome, down, port, first)


def _check_providers(outcome: Outcome, down: tuple[str, ...]) -> None:
    from compiler.diagnostics import nearest

    legal = outcome.catalog.providers if outcome.catalog else {}
    for name in down:
        if name not in legal:
            close = nearest(name, legal)
            raise click.BadParameter(
                f"provider {name!r} does not exist"
                + (f"; did you mean {close!r}?" if close else f" ({', '.join(legal)})"),
                param_hint="--down",
            )


def _run(outcome: Outcome, down: tuple[str, ...], port: int, first: str | None) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    files = files_of(outcome.bundle or {})
    order = _order(outcome, first)
    ports = {name: port + place for place, name in enumerate(order)} if port else {}
    with tempfile.TemporaryDirectory(prefix="interlock-dev-") as folder:
        proxies = "1 LiteLLM proxy" if len(files) == 1 else f"{len(files)} LiteLLM proxies"
        click.echo(f"Starting {proxies} with simulated providers; this takes 10 to 30 seconds.")
        began = time.monotonic()
        try:
            with DevGateways(files, down=down, ports=ports, workdir=Path(folder)) as gateways:
                click.echo(_welcome(gateways, order, down, time.monotonic() - began))
                _until_interrupted(gateways)
        except KeyboardInterrupt:
            click.echo("\nStopped.")
        except OSError as error:
            raise click.ClickException(f"{error.strerror or error}: choose another --port") from error
        except (GatewayError, NotRunnableError) as error:
            raise click.ClickException(str(error)) from error


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001  # the signature of a signal handler
    raise KeyboardInterrupt


def _order(outcome: Outcome, first: str | None) -> list[str]:
    catalog = outcome.catalog
    names = (
        sorted(catalog.gateways, key=lambda n: (not catalog.is_router(catalog.gateways[n]), n))
        if catalog
        else []
    )
    if first and first not in names:
        raise click.BadParameter(
            f"gateway {first!r} does not exist ({', '.join(names)})", param_hint="--gateway"
        )
    return [first, *(n for n in names if n != first)] if first else names


def _until_interrupted(gateways: DevGateways) -> None:
    while not (ended := gateways.exited()):
        time.sleep(0.5)
    names = ", ".join(f"{name} (exit code {code}, log {gateways.log(name)})" for name, code in ended.items())
    raise click.ClickException(f"a gateway ended by itself: {names}")


def _welcome(gateways: DevGateways, order: list[str], down: tuple[str, ...], seconds: float) -> str:
    url, control = gateways.url, gateways.control_url
    providers = sorted(gateways.providers)
    one = providers[-1]
    lines = [
        f"Ready after {seconds:.0f} s. Everything below is on this machine only, and asks for no key.",
        "",
        *(f"  {name:<22} {url(name)}/v1" for name in order),
        f"  {'control':<22} {control}/control",
        "",
        "Real: LiteLLM's proxy, the generated configuration, the routing plugin and table.",
        f"Simulated: the providers ({', '.join(providers)}).",
        "Their answers are echoes; their prices and speeds are not real.",
        *([f"Down: {', '.join(down)} (connections are refused)."] if down else []),
        "",
        "Try:",
        f"  curl -si {url(order[0])}/v1/chat/completions -H 'content-type: application/json' \\",
        '    -d \'{"messages": [{"role": "user", "content": "hello"}]}\'',
        f"  curl -X POST {control}/control/{one} -d '{{\"status\": 500}}'   # or latency_ms, refused …",
        f"  curl -X DELETE {control}/control/{one}                      # healthy again",
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)
