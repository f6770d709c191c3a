"""`interlock dev`: the compiled gateways on this machine."""

import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

from compiler.catalog import Catalog
from compiler.commands.common import exit_code, known, one_catalog, show
from compiler.dev.extra import missing_extra
from compiler.dev.processes import GatewayError
from compiler.dev.rewrite import NotRunnableError
from compiler.dev.session import DevGateways, Files, files_of
from compiler.pipeline import render

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
      interlock dev catalog/current.yaml
      interlock dev catalog/current.yaml --down vertex-ai --down openai
      interlock dev catalog/foundational-models.yaml --port 4100
    """  # noqa: D301
    missing = missing_extra()
    if missing:
        raise click.ClickException(missing)
    outcome = render(one_catalog(file))
    if outcome.bundle is None or outcome.catalog is None:
        show([outcome], "text")
        sys.exit(exit_code(outcome.diagnostics))
    known("--down", down, outcome.catalog.providers)
    known("--gateway", (first,) if first else (), outcome.catalog.gateways)
    _run(files_of(outcome.bundle), _order(outcome.catalog, first), down, port)


def _run(files: Mapping[str, Files], order: list[str], down: tuple[str, ...], port: int) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
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


def _order(catalog: Catalog, first: str | None) -> list[str]:
    """Routers before the gateways behind them, and the one asked for before all."""
    return sorted(catalog.gateways, key=lambda n: (n != first, not catalog.is_router(catalog.gateways[n]), n))


def _until_interrupted(gateways: DevGateways) -> None:
    while not (ended := gateways.exited()):
        time.sleep(0.5)
    name, code = next(iter(ended.items()))
    last = gateways.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    raise click.ClickException(f"gateway {name} ended by itself (exit code {code}):\n" + "\n".join(last))


def _welcome(gateways: DevGateways, order: list[str], down: tuple[str, ...], seconds: float) -> str:
    url, control = gateways.url, gateways.control_url
    providers = sorted(gateways.providers)
    one = providers[-1]
    lines = [
        f"Ready after {seconds:.0f} s. Everything below is on this machine only, and asks for no key.",
        "",
        *(f"  {name:<22} {url(name)}/v1" for name in order),
        f"  {'control':<22} {control}/control",
        *(f"  {f'metrics of {name}':<22} {gateways.metrics_url(name)}" for name in order),
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
