"""`python -m processors policy`: check a flagging policy, try it on files and labelled lines, explain a flag."""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from infra.database.engine import check_revision, open_database, reading
from infra.database.tables import states
from infra.errors import PermanentError
from infra.settings import database_url, policy_folder
from processors.meeting_flagging import SHIPPED, MeetingFlagging, Policy, check, load_policy
from processors.meeting_flagging.backtest import backtest
from processors.meeting_flagging.blas import use_one_thread
from processors.meeting_flagging.corpus_check import corpus_problems
from processors.meeting_flagging.evaluation import evaluate
from processors.meeting_flagging.explaining import explain, flag_in
from processors.meeting_flagging.facts import FlagState
from processors.meeting_flagging.file_report import file_report
from processors.meeting_flagging.labelled import read_labelled
from processors.meeting_flagging.policy_check import failures
from processors.operators import archive, printable, workplace
from processors.runtime.archived_texts import fetch_texts
from processors.runtime.codec import load
from schemas.events import FLAGGED, decode

_CORPUS = SHIPPED.parent / "corpus"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _of_policy(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "The policy's folder; without it POLICY_FOLDER's, else the one that is shipped."
    return click.option("--policy", "folder", type=_FOLDER, help=text)(command)


def _as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="JSON alone on stdout.")(command)


@click.group()
def policy() -> None:
    """Check the flagging policy, try it on files and labelled lines, explain a flag."""
    use_one_thread()  # so that files are judged as the running processors judge them


@policy.command("check")
@_of_policy
def check_policy(folder: Path | None) -> None:
    """Load a policy as a start does. Exit code 2 with file and line when it must not be used."""
    loaded = _loaded(folder)
    modes = Counter(rule.mode for rule in loaded.rules)
    click.echo(f"policy {loaded.version} holds: {modes['live']} rules live, {modes['shadow']} in shadow")


@policy.command("test")
@_of_policy
def test_policy(folder: Path | None) -> None:
    """Run every rule's examples, and look through the corpus. Exit code 1 naming each that fails, never its text."""
    loaded = load_policy(_folder(folder))
    failed = [*failures(loaded), *corpus_problems(_CORPUS)]
    for failure in failed:
        click.echo(failure)
    examples = sum(len(rule.channels) * (len(rule.match) + len(rule.no_match)) for rule in loaded.rules)
    click.echo(f"policy {loaded.version}: {examples} examples, {len(failed)} failures")
    if failed:
        sys.exit(1)


@policy.command("eval")
@click.argument("file", type=_FILE)
@_of_policy
@_as_json
def evaluate_policy(file: Path, folder: Path | None, as_json: bool) -> None:
    """Measure a policy on labelled lines: a JSON list, or JSON lines. Ids and shares, no texts."""
    measured = evaluate(read_labelled(file), _loaded(folder))
    if as_json:
        click.echo(json.dumps(measured))
        return
    violation = measured["violation"]
    for name in ("precision", "recall", "specificity"):
        click.echo(f"{name:28} {_share(violation[name], violation[f'{name}_95'])}")
    click.echo(f"{'f1':28} {violation['f1']:.3f}")
    click.echo(
        f"{'right category of hits':28} {_share(measured['category_accuracy'], measured['category_accuracy_95'])}"
    )
    for name, one in measured["by_category"].items():
        click.echo(printable(f"{name:28} {_share(one['recall'], one['recall_95'])}  recall of {one['n']}"))
    for name, one in measured["by_functionality"].items():
        click.echo(printable(f"{name:28} {_share(one['right'], one['right_95'])}  right of {one['n']}"))


@policy.command("scan")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_of_policy
@_as_json
def scan_files(files: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Scan transcripts and chats: what is found, quotes masked, and the flag that each would make by itself."""
    loaded = _loaded(folder)
    for file in files:
        report = file_report(str(file), _bytes(file), loaded)
        for line in [json.dumps(report)] if as_json else _told(report):
            click.echo(printable(line))


@policy.command("backtest")
@click.argument("directory", type=_FOLDER, required=False)
@click.option("--topic", is_flag=True, help="Every text in the archive that the topic call-events tells of.")
@click.option("--old", type=_FOLDER, default=SHIPPED, help="The policy in use; without it the one that is shipped.")
@click.option("--new", type=_FOLDER, required=True, help="The policy to try.")
@_as_json
def backtest_policy(directory: Path | None, topic: bool, old: Path, new: Path, as_json: bool) -> None:
    """Say which flags a new policy adds, removes and changes on the texts of a directory; ids and times, no quotes.

    Files that differ in their extensions alone (`call-7.vtt`, `call-7.chat.txt`) are one call's. With --topic the texts
    come from the archive and are deleted again.
    """
    if topic is (directory is not None):
        raise click.UsageError("name a directory, or --topic")
    told = _backtested_archive(old, new) if directory is None else backtest(old, new, directory)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(
        f"{told['calls']} calls, flagged: {told['old']['flagged']} by the old policy, {told['new']['flagged']} by the new"
    )
    for change in ("added", "removed", "changed"):
        for one in told[change]:
            click.echo(printable(f"{change:8} {one['call']}  {_verdicts(one)}  {', '.join(_moved(one))}"))
    for rule, counts in told["by_rule"].items():
        click.echo(f"{rule:40} {counts['old']:6} findings, now {counts['new']:6}, in shadow {counts['shadow']:6}")


def _backtested_archive(old: Path, new: Path) -> dict[str, Any]:
    with workplace() as place, archive() as store, tempfile.TemporaryDirectory(prefix="backtest-") as folder:
        fetched = fetch_texts(place.transport, store, Path(folder))
        click.echo(f"{fetched.texts} texts of the archive, {fetched.gone} are there no more", err=True)
        return backtest(old, new, Path(folder))


@policy.command("explain")
@click.argument("flag")
@_of_policy
def explain_flag(flag: str, folder: Path | None) -> None:
    """Say why a flag stands, part by part of its score.

    FLAG is a file with a meeting.flagged event's value, `-` for standard input, or a flag's id to look up in the
    database.
    """
    loaded = load_policy(_folder(folder))
    data = _event(flag) if flag == "-" or Path(flag).is_file() else _known(flag, loaded)
    for line in explain(data, loaded):
        click.echo(printable(line))


def _folder(folder: Path | None) -> Path:
    return folder or policy_folder(os.environ) or SHIPPED


def _loaded(folder: Path | None) -> Policy:
    loaded = load_policy(_folder(folder))
    check(loaded)
    return loaded


def _share(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f}  95 %: {interval[0]:.3f} to {interval[1]:.3f}"


def _verdicts(change: Mapping[str, Any]) -> str:
    severities = [change[policy]["severity"] or "none" for policy in ("old", "new")]
    return f"severity {severities[0]} to {severities[1]}, score {change['old']['score']} to {change['new']['score']}"


def _moved(change: Mapping[str, Any]) -> list[str]:
    signed = (("+", change["findings_added"]), ("-", change["findings_removed"]))
    return [f"{sign}{one['rule']} at {one['start']}" for sign, findings in signed for one in findings]


def _told(report: Mapping[str, Any]) -> list[str]:
    flag = report["flag"]
    told = f"flag of severity {flag['severity']}, score {flag['score']}" if flag else "no flag"
    lines = [f"{report['file']}: {told}, {len(report['findings'])} findings, {len(report['shadow'])} in shadow"]
    for one in report["findings"]:
        lines.append(
            f"  {one['start']} to {one['end']}  {one['severity']}  {one['rule']}  {one['speaker']}: {one['quote']}"
        )
    return lines


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PermanentError(f"{file} cannot be read: {error.strerror}") from error


def _event(flag: str) -> dict[str, Any]:
    try:
        data = json.loads(sys.stdin.buffer.read() if flag == "-" else _bytes(Path(flag)))
    except ValueError as error:
        raise PermanentError("the event is not JSON in UTF-8") from error
    event: dict[str, Any] = decode(FLAGGED, data)
    return event


def _known(flag_id: str, loaded: Policy) -> dict[str, Any]:
    engine = open_database(database_url(os.environ))
    try:
        check_revision(engine)
        holding = states.c.processor == MeetingFlagging.name, states.c.document.contains(flag_id, autoescape=True)
        with reading(engine) as connection:
            documents = connection.execute(select(states.c.document).where(*holding)).scalars().all()
    finally:
        engine.dispose()
    for document in documents:
        data = flag_in(load(FlagState, document), flag_id, loaded)
        if data is not None:
            return data
    raise PermanentError("there is no such flag in the database, and no such file")
