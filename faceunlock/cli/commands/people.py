"""``faceunlock people``: list, show, rename or forget people."""

from __future__ import annotations

from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import GalleryError, SettingsError

Name = Annotated[str, typer.Argument(metavar="NAME", help="An enrolled person.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="people", help="List, show, rename or forget enrolled people.")
    default_command(group)(list_people)
    command(group, "show")(show)
    command(group, "rename")(rename)
    command(group, "forget")(forget)


def list_people(session: Session) -> None:
    """List, show, rename or forget enrolled people."""
    from faceunlock.cli.answers import people as answers

    with session.unlock() as unlock:
        people = unlock.summaries()
    console = session.console  # the other of the two would be made for nothing, and people may be many
    console.answer(
        "" if console.json else answers.people(people),
        answers.people_document(people) if console.json else {},
    )


def show(session: Session, name: Name) -> None:
    """Show what is stored about one person."""
    from faceunlock.cli.answers import people as answers

    with session.unlock() as unlock:
        person = unlock.person(name)
    session.console.answer(answers.person(person), answers.person_document(person))


def rename(
    session: Session,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="The new name.", show_default=False)],
) -> None:
    """Rename an enrolled person."""
    from faceunlock.cli.answers import people as answers

    with session.unlock() as unlock:
        was = unlock.person(name).name
        person = unlock.rename(was, new_name)
    session.console.answer(answers.renamed(was, person), answers.renamed_document(was, person))


def forget(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An enrolled person.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Forget everybody.")] = False,
    look: Annotated[
        str | None,
        typer.Option("--look", metavar="LOOK", help="Forget only this look of NAME.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete what is stored about a person, or one look, for good."""
    from faceunlock.cli.answers import people as answers

    if (name is None) == (not everybody):
        raise SettingsError("usage", "give either a NAME or --all")
    if everybody and look is not None:
        raise SettingsError("usage", "--look needs a NAME")
    if not yes:
        if name is not None:
            _refuse_unknown(session, name, look)
        who = (name or "everybody") if look is None else f"the look {look} of {name}"
        session.console.confirm(
            f"Forget {who} for good?", doing=f"forgetting {who}", declined=f"{who} was not forgotten"
        )
    with session.unlock() as unlock:
        if name is None:
            count = unlock.forget_all()
        elif look is not None:
            unlock.forget_look(name, look)
            count = 0
        else:
            name, count = unlock.forget(name), 1
    session.console.answer(
        answers.forgotten(name, count, look), answers.forgotten_document(name, count, look)
    )


def _refuse_unknown(session: Session, name: str, look: str | None) -> None:
    """Raise the error for a person, or a look, that is not there: nobody is asked about that."""
    from faceunlock.tasks.people import no_such_look

    with session.unlock() as unlock:
        try:
            person = unlock.person(name)
        except GalleryError as error:
            if error.slug == "not-enrolled":
                raise
            return  # what is damaged can be forgotten, too
    if look is not None and person.look(look) is None:
        raise no_such_look(person, look)
