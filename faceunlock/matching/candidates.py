"""What a probe is compared with, whether it is in memory or searched by a server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from faceunlock.matching.crowd import Templates
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import ModelIdentity


class Comparable(Protocol):
    """The templates of all people that were made by one model; see `faceunlock.matching.crowd.Templates`."""

    @property
    def identity(self) -> ModelIdentity:
        """What made the embeddings."""
        ...

    @property
    def names(self) -> Collection[str]:
        """The people."""
        ...

    @property
    def approximate(self) -> bool:
        """Whether the most similar template may be missed."""
        ...

    def __len__(self) -> int: ...

    def without(self, names: Collection[str]) -> Comparable:
        """Return the templates of all other people."""
        ...

    def only(self, names: Collection[str]) -> Comparable:
        """Return the templates of these people alone."""
        ...

    def near(self, probes: ArrayLike, least: float) -> Templates:
        """Return templates among which are all that decide about these probes."""
        ...

    def decide(self, probe: ArrayLike, threshold: float) -> Decision:
        """Compare one probe with all templates and decide on the most similar of them."""
        ...


class Everybody(Protocol):
    """Everybody who is enrolled; see `faceunlock.matching.crowd.Crowd`."""

    @property
    def parts(self) -> Sequence[Comparable]:
        """The templates of each model, sorted by model."""
        ...

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """What made the templates, sorted by model."""
        ...

    def __len__(self) -> int: ...

    def made_by(self, identity: ModelIdentity) -> Comparable | None:
        """Return the templates of one model, or None if there are none."""
        ...

    def names(self) -> Collection[str]:
        """Return everybody's name, in no order."""
        ...

    def first(self) -> tuple[str, ModelIdentity]:
        """Return the first person by name, of at least one, and what made that person's templates."""
        ...

    def others(self, identity: ModelIdentity) -> tuple[str, ...]:
        """Return the names of those whose templates another model made, sorted."""
        ...
