"""``faceunlock gallery``: where the gallery is; the tables, the index and copies of one on PostgreSQL."""

from __future__ import annotations

from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

WHERE = "local, the file of this home; or postgresql://USER@HOST/DATABASE."


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="gallery", help="Keep the gallery on a PostgreSQL server, or see where it is.")
    default_command(group)(show)
    command(group, "setup")(setup)
    command(group, "index")(index)
    command(group, "copy")(copy)


def show(session: Session) -> None:
    """Keep the gallery on a PostgreSQL server, or see where it is."""
    from faceunlock.cli.answers import gallery as answers

    with session.unlock() as unlock:
        state = unlock.gallery_state()
    session.console.answer(answers.state(state), answers.state_document(state))


def setup(
    session: Session,
    show_sql: Annotated[
        bool, typer.Option("--print", help="Only print the SQL, with two roles; nothing is asked or changed.")
    ] = False,
) -> None:
    """Make or update the tables in the database.

    That is the one that --gallery or the setting names. Run it as the owner of the database. Nothing changes
    if the tables are there already.
    """
    from faceunlock.cli.answers import gallery as answers

    if show_sql:
        from faceunlock.gallery.postgres.schema import script

        session.console.answer(script(), {"sql": script()}, as_is=True)
        return
    with session.unlock() as unlock:
        done = unlock.set_up_gallery()
    session.console.answer(answers.set_up(done), answers.set_up_document(done))


def index(
    session: Session,
    drop: Annotated[
        bool, typer.Option("--drop", help="Delete the index: every vector is looked at.")
    ] = False,
    memory: Annotated[
        int,
        typer.Option(
            "--memory", metavar="MIB", min=1, max=1 << 20, help="Memory the server may use, in MiB."
        ),
    ] = 512,
    probes: Annotated[
        int, typer.Option("--probes", metavar="N", min=1, max=100_000, help="Probes to measure it with.")
    ] = 200,
) -> None:
    """Build an HNSW index, and measure what it misses.

    It makes a search among hundreds of thousands of people faster. It may miss somebody, so a no can be
    wrong more often; it never makes a yes. Others can go on meanwhile.
    """
    from faceunlock.cli.answers import gallery as answers

    with session.unlock() as unlock:
        if drop:
            count = unlock.drop_index()
            session.console.answer(answers.dropped(count), {"dropped": count})
            return
        built = unlock.build_index(memory=memory, probes=probes)
    session.console.answer(answers.indexes(built), answers.indexes_document(built))


def copy(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FROM", help=WHERE, show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TO", help=WHERE, show_default=False)],
) -> None:
    """Copy a gallery into another, and read it back.

    That is people, thresholds and strangers. Nothing in the other gallery is replaced. If the command is
    interrupted, run it again: it goes on where it stopped. Counts of attempts and the log are not copied.
    """
    from faceunlock.cli.answers import gallery as answers

    if source == target:
        raise SettingsError("usage", "FROM and TO are the same gallery")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        copied = unlock.copy_gallery(source, target, track=progress.track)
        sealed = unlock.protection().sealed if source == "local" else False
    console.answer(answers.copied(copied), answers.copied_document(copied))
    if sealed:
        console.note("The gallery in the file is sealed; the copy on the server is not.")
    console.note(answers.next_step(target))
