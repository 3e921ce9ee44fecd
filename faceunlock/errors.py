"""The errors of faceunlock in one small tree, and the list of every slug a user can meet.

A slug is stable between versions. Its meaning, its retryability and its default hint live in
`SLUGS`, so that the program, the JSON output and ``docs/cli.md`` cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Slug:
    """The meaning of an error slug.

    Attributes
    ----------
    meaning : str
        One sentence for the documentation.
    hint : str
        What a user can do about it; an error may carry a more exact hint.
    retryable : bool
        Whether the same command may succeed with another photo or at another moment, without
        changing the installation or the gallery.
    """

    meaning: str
    hint: str
    retryable: bool = False


SLUGS: dict[str, Slug] = {
    # photos
    "no-face": Slug("No face was found in the photo.", "Face the camera, with light on the face.", True),
    "several-faces": Slug(
        "The photo shows several faces of similar size, so it is not clear which one is meant.",
        "Use a photo of one person, or use --faces largest.",
        True,
    ),
    "face-too-small": Slug("The face has too few pixels.", "Come closer, or use a larger photo.", True),
    "face-cut-off": Slug(
        "A part of the face is outside the photo.", "Keep the whole face in the picture.", True
    ),
    "face-turned": Slug("The face is turned to the side.", "Look straight at the camera.", True),
    "eyes-shaded": Slug(
        "The eyes are much darker than the cheeks.",
        "Take off cap and dark glasses, and turn to the light.",
        True,
    ),
    "too-blurred": Slug("The face is too blurred to learn from.", "Hold the camera still and focus.", True),
    "too-dark": Slug("The face is too dark to learn from.", "Put more light on the face.", True),
    "unreadable-photo": Slug(
        "The file cannot be read as a whole photo: it is damaged, truncated, empty or of an unknown format.",
        "Open it in a picture viewer and export it again as JPEG or PNG.",
        True,
    ),
    "photo-too-large": Slug(
        "The photo has more pixels than the limit allows.",
        "Shrink it, or raise the setting max_megapixels.",
        True,
    ),
    "photo-not-found": Slug("The photo or folder does not exist.", "Check the path.", True),
    "duplicate": Slug("The same file content was already used.", "Use different photos.", True),
    "unlike-the-others": Slug(
        "The face does not look like the other photos of this person.",
        "Check that the photo shows the right person.",
        True,
    ),
    # people and the gallery
    "too-few-photos": Slug(
        "Too few usable photos are left to enroll a person.",
        "Add photos; 5 or more with different light and expression work best.",
    ),
    "several-people": Slug(
        "The photos show several people, not one.",
        "Enroll each person from photos of that person alone; with one sub-folder per person: "
        "faceunlock enroll --each FOLDER",
    ),
    "too-many-unlike": Slug(
        "More than a third of the usable photos are unlike the others.",
        "Remove the photos of other people, or photos so unusual that they do not look like the person.",
    ),
    "sub-folders": Slug(
        "A person's folder has sub-folders with photos.",
        "If each sub-folder is one person: faceunlock enroll --each FOLDER — "
        "if all are the same person, name every folder.",
    ),
    "second-name": Slug(
        "The face is already enrolled under another name.",
        "Check that the photos show the person named; use --even-so if these are two people.",
    ),
    "nobody-enrolled": Slug("Nobody is enrolled yet.", "Run: faceunlock enroll NAME FOLDER"),
    "not-enrolled": Slug("No person of that name is enrolled.", "See: faceunlock people"),
    "unknown-group": Slug(
        "There is no group of that name, or it is no longer the same.",
        "The folder, the model or the threshold changed. Look again: faceunlock group FOLDER",
    ),
    "no-such-look": Slug("The person has no look of that name.", "See: faceunlock people show NAME"),
    "unlike-the-person": Slug(
        "The photos of a new look do not resemble the person.",
        "Check the photos; if you are sure that they show this person, add --accept.",
    ),
    "already-enrolled": Slug(
        "A person of that name is already enrolled.",
        "Use --add to add photos, or --replace to start again.",
    ),
    "bad-name": Slug(
        "The name cannot be used.",
        "Use up to 64 printable characters, without slashes, control or invisible characters.",
    ),
    "model-mismatch": Slug(
        "The template was made with a different model, different weights or different preprocessing.",
        "Re-enroll: faceunlock enroll NAME FOLDER --replace",
    ),
    "gallery-damaged": Slug(
        "The gallery file is damaged or was changed by something other than faceunlock.",
        "Restore it from an export, or remove it and enroll again.",
    ),
    "gallery-busy": Slug("Another command is writing to the gallery.", "Try again in a moment.", True),
    "gallery-newer": Slug(
        "The gallery was written by a newer version of faceunlock.",
        "Update faceunlock: run git pull, then pip install . in your clone of it.",
    ),
    "gallery-unwritable": Slug("The gallery cannot be written.", "Check free space and permissions."),
    "locks-unsupported": Slug(
        "The file system has no locks, so two commands at once could damage each other's work.",
        "Use a local disk (--home or FACEUNLOCK_HOME for the gallery), or turn on the locks of the mount.",
    ),
    "insecure-permissions": Slug(
        "Other users could change or read files that must be private.",
        "Run chmod 700 on the directory and chmod 600 on the files named.",
    ),
    # a gallery on PostgreSQL
    "bad-gallery": Slug(
        "The address of the gallery cannot be used.",
        "Write it as postgresql://USER@HOST/DATABASE; see docs/postgres.md.",
    ),
    "postgres-support-missing": Slug(
        "psycopg, which talks to PostgreSQL, is not installed.",
        "In your clone of faceunlock, run: pip install '.[postgres]'",
    ),
    "server-unreachable": Slug(
        "The PostgreSQL server does not answer, or the connection was lost.",
        "Check that the server runs and that the address is right, then try again.",
        True,
    ),
    "server-refused": Slug(
        "The PostgreSQL server refuses the login.",
        "Check user and database; the password belongs in ~/.pgpass, in a service file or in the keyring "
        "(docs/postgres.md).",
    ),
    "server-insecure": Slug(
        "The connection to the PostgreSQL server cannot be protected.",
        "Give the server a certificate that this machine trusts for its name; see docs/postgres.md.",
    ),
    "server-not-set-up": Slug(
        "The database holds no gallery, or one of an older format.",
        "As the owner of the database, run: faceunlock gallery setup",
    ),
    "server-lacks-vector": Slug(
        "The database has no pgvector.",
        "Install pgvector on the server, then run: faceunlock gallery setup",
    ),
    "server-rights": Slug(
        "The database role may not do this.",
        "Use a role with more rights; faceunlock gallery setup --print shows both roles.",
    ),
    "cannot-seal": Slug(
        "A gallery on PostgreSQL cannot be sealed: the server searches the vectors, so it must read them.",
        "Encrypt the disk of the server, or keep the gallery in a file; see docs/postgres.md.",
    ),
    "copy-differs": Slug(
        "What was copied is not what the source holds.",
        "Let nobody change either gallery, and run the same command again.",
    ),
    # attempts
    "locked-out": Slug(
        "There were too many failed attempts in a row.",
        "Wait for the time shown, then try again with light on the face.",
        True,
    ),
    "attempts-damaged": Slug(
        "The file that counts attempts is damaged or was changed by something other than faceunlock.",
        "Remove attempts.db from the data directory; this resets every count and the log.",
    ),
    "attempts-busy": Slug("Another command is recording an attempt.", "Try again in a moment.", True),
    "attempts-newer": Slug(
        "The file that counts attempts was written by a newer version of faceunlock.",
        "Update faceunlock: run git pull, then pip install . in your clone of it.",
    ),
    "attempts-unwritable": Slug(
        "An attempt cannot be counted, so no decision is made.", "Check free space and permissions."
    ),
    "gallery-tampered": Slug(
        "The sealed gallery, or one of its rows, is not what faceunlock last wrote.",
        "Restore it, or run: faceunlock people forget --all — and enroll again, or import an export.",
    ),
    "key-missing": Slug(
        "The key of the sealed gallery is not where it should be.",
        "Put the key back; if it is lost, run: faceunlock people forget --all — and enroll again.",
    ),
    "keyring-unavailable": Slug(
        "The desktop keyring that holds the key is missing, is locked or does not answer.",
        "Log in to the desktop and unlock the keyring; if it is lost, run: faceunlock people forget --all — "
        "and enroll again.",
        True,
    ),
    "not-sealed": Slug("The gallery is not sealed.", "Run: faceunlock protect on"),
    # moving a gallery
    "bad-passphrase": Slug(
        "The passphrase does not open this file, or the file was changed.",
        "Try again; if the passphrase is right, copy the file again from its source.",
        True,
    ),
    "export-damaged": Slug("The file is not a complete faceunlock export.", "Copy it again from the source."),
    "file-exists": Slug("The output file already exists.", "Choose another name, or use --overwrite."),
    "import-conflict": Slug(
        "The file holds people who are already enrolled here.",
        "Use --skip-existing to keep yours or --replace to take theirs.",
    ),
    "file-unreadable": Slug("A file could not be read.", "Check the path and its permissions."),
    "file-unwritable": Slug("A file could not be written.", "Check free space and permissions."),
    # models
    "unknown-model": Slug("There is no model of that name.", "See: faceunlock models"),
    "weights-missing": Slug(
        "The weights of this model are not on this machine.",
        "Run: faceunlock models pull MODEL — or use --model compact, which needs no download.",
    ),
    "weights-corrupt": Slug(
        "The weights have the wrong checksum or structure.",
        "Run: faceunlock models pull MODEL --force — or reinstall the package that carries them.",
    ),
    "download-failed": Slug(
        "The weights could not be downloaded.",
        "Check the connection and try again — or use --model compact, which needs no download.",
        True,
    ),
    "weights-unwritable": Slug(
        "The weights could not be written to the cache.",
        "Free some disk space or check permissions — or use --model compact, which needs no download.",
    ),
    "not-measured": Slug(
        "No threshold was measured for this model, so it has no levels of security.",
        "Measure it: faceunlock calibrate FOLDER — or use --model compact, or leave out --security.",
    ),
    "demo-failed": Slug(
        "The demonstration did not give the expected answer.",
        "Reinstall faceunlock; if that does not help, report it with the output of faceunlock status --json.",
    ),
    "conversion-failed": Slug(
        "The network converted for ONNX Runtime does not give the same results as the original.",
        'Set runtime = "torch" in the config file, or FACEUNLOCK_RUNTIME=torch.',
    ),
    "networks-not-prepared": Slug(
        "The networks are not prepared for this machine yet, and this command may not prepare them.",
        "Run once: faceunlock models prepare",
    ),
    "device-unavailable": Slug(
        "The requested device is not available.", "Use --device auto or --device cpu."
    ),
    # PAM
    "pam-unsuitable": Slug(
        "A face must not, or cannot, authenticate for this PAM service.",
        "Use it for services whose user sits at the machine, such as sudo; see docs/pam.md.",
    ),
    # calibration
    "insufficient-data": Slug(
        "There is too little data to support the target error rate.",
        "Run: faceunlock strangers pull lfw — or choose a higher --target-fmr.",
    ),
    "no-strangers": Slug(
        "There is no bank of strangers for this model, or it does not hold what was asked for.",
        "Run: faceunlock strangers pull lfw",
    ),
    "lower-threshold": Slug(
        "The measured threshold is below the shipped one.",
        "Use --allow-lower if you are sure that the photos compared show your real conditions.",
    ),
    "scores-damaged": Slug(
        "The file does not hold the scores of a calibration, or is damaged.",
        "Write it again: faceunlock calibrate FOLDER --save-scores FILE",
    ),
    "bad-folder": Slug(
        "The folder does not have the required layout.",
        "Use one sub-folder per person, at least two people.",
    ),
    # cameras
    "camera-support-missing": Slug(
        "OpenCV, which reads cameras and videos, is not installed.",
        "In your clone of faceunlock, run: pip install '.[camera]'",
    ),
    "no-camera": Slug("There is no such camera.", "Connect a camera, or name another with --camera DEVICE."),
    "camera-denied": Slug(
        "You do not have permission to use the camera.",
        "Join the group that owns it (often: sudo usermod -aG video $USER, then log in again).",
    ),
    "camera-busy": Slug(
        "The camera returns no image; another program may be using it.",
        "Close other programs that use the camera.",
        True,
    ),
    "camera-failed": Slug("The camera stopped delivering images.", "Check the cable and try again.", True),
    "camera-black": Slug(
        "The camera's picture is black.",
        "Open the camera's shutter or take the cover off; some cameras have a switch.",
        True,
    ),
    "camera-dark": Slug("The camera's picture is too dark to find a face in.", "Turn on a light.", True),
    "reader-failed": Slug(
        "The process without rights that reads photos and frames ended, or answered nonsense.",
        "Try again; if it happens with one photo only, leave that photo out.",
        True,
    ),
    "unreadable-video": Slug(
        "The file is not a video that can be read.", "Check that it plays, or convert it to MP4.", True
    ),
    # presentation attacks
    "not-live": Slug(
        "MiniFASNet, which can only refuse, takes these frames for a picture of a face.",
        'Try again in even light, with nothing around the face; to do without it, set texture = "off".',
        True,
    ),
    "no-living-person": Slug(
        "A photo cannot show that a living person is there.",
        "Use a camera: faceunlock verify --camera --require-live",
    ),
    "not-frontal": Slug(
        "The face did not look straight at the camera.",
        "Look straight at the camera, a little from afar.",
        True,
    ),
    "turn-too-slow": Slug(
        "The head did not turn as asked in time, or did not turn at all.",
        "Turn your head to the side you are asked for, about a third of the way to your shoulder.",
        True,
    ),
    "turn-wrong-way": Slug(
        "The head turned to the wrong side.",
        'If you turned as asked, the camera mirrors its picture: set camera_mirrored = "yes", or let '
        "enroll --camera find out.",
        True,
    ),
    "turn-too-soon": Slug(
        "The head turned again before it was asked to.",
        "Look straight at the camera after each turn, and wait for the next word.",
        True,
    ),
    "turn-too-fast": Slug(
        "The picture changed faster than a head turns.", "Turn more slowly, in even light.", True
    ),
    "face-lost": Slug(
        "The face was not seen for half a second.", "Stay in the picture, and turn less far.", True
    ),
    "face-jumped": Slug(
        "The face moved or grew too much from one frame to the next.",
        "Stay where you are while you turn.",
        True,
    ),
    "second-face": Slug("A second face came into the picture.", "Be alone before the camera.", True),
    "face-changed": Slug(
        "The face during a turn, or at the end, is not the face seen at the beginning.",
        "Turn slowly, in even light; enroll photos that show you a little from the side.",
        True,
    ),
    "frames-stopped": Slug(
        "The camera stopped sending pictures before the last turn.", "Check the camera and try again.", True
    ),
    "too-few-frames": Slug(
        "The camera or this machine is too slow to see a head turn.",
        "Put more light on the face, close other programs, or use a smaller picture.",
        True,
    ),
    # the resident process
    "agent-running": Slug("A resident process already serves this gallery.", "See: faceunlock agent status"),
    "agent-failed": Slug(
        "The resident process could not be started or stopped.", "See: faceunlock agent run"
    ),
    "agent-unsupported": Slug("The resident process needs Linux.", "Everything else works without it."),
    # the page
    "web-support-missing": Slug(
        "Starlette and uvicorn, which serve the page, are not installed.",
        "In your clone of faceunlock, run: pip install '.[web]'",
    ),
    "port-unavailable": Slug(
        "The port cannot be used.", "Name another with --port, or leave it out: any free one is then used."
    ),
    "not-admitted": Slug(
        "The page answers only its own user, through the address that it printed.",
        "Open the address that faceunlock serve printed; a program sends its token in a header.",
    ),
    "read-only": Slug(
        "The page was started with --read-only, so nothing can be changed through it.",
        "Start it without --read-only.",
    ),
    "server-busy": Slug("Too many requests are waiting.", "Try again in a moment.", True),
    "too-slow": Slug("The request took too long to arrive.", "Try again, with fewer photos at once.", True),
    # Ray
    "ray-missing": Slug(
        "Ray, which looks at photos on several cores or machines, is not installed.",
        "In your clone of faceunlock, run: pip install '.[ray]' — or leave out --ray.",
    ),
    "ray-unreachable": Slug(
        "No Ray cluster answers at this address.",
        "Run: ray status — on a machine of the cluster, and use the address it was started with.",
        True,
    ),
    "ray-worker-unfit": Slug(
        "A machine of the Ray cluster cannot do the work, or would do it differently.",
        "Give every machine the same faceunlock, Python, packages, weights and photos, under the same paths.",
    ),
    "ray-failed": Slug(
        "Ray stopped before all photos were looked at.",
        "Run the command again: it does only what is missing.",
        True,
    ),
    "ray-sealed": Slug(
        "What identifies the people of a sealed gallery does not travel to other machines.",
        "Use --ray local, or leave out --ray.",
    ),
    # audits
    "bad-grouping": Slug(
        "The grouping does not fit the photos.",
        "See: faceunlock audit --help",
    ),
    # training
    "training-diverged": Slug(
        "The training loss is no longer a number.", "Choose a lower --learning-rate and start again."
    ),
    "training-mismatch": Slug(
        "The checkpoint belongs to a training run with different settings or photos.",
        "Resume with its original settings, or start again with --overwrite.",
    ),
    "checkpoint-damaged": Slug(
        "The file does not hold the state of a training run, or is damaged.", "Start again with --overwrite."
    ),
    "head-damaged": Slug(
        "The folder does not hold what classify train wrote, or it was changed.",
        "Train it again: faceunlock classify train FOLDER -o HEAD",
    ),
    # everything else
    "package-missing": Slug("A package that an option needs is not installed.", "Install it with pip."),
    "bad-setting": Slug(
        "A setting is unknown or out of its range.",
        "Correct or remove it; docs/cli.md lists every setting with its range.",
    ),
    "no-home": Slug(
        "There is no home directory: HOME is not an absolute path, and the user is not in the user database.",
        "Use --home DIRECTORY, or set FACEUNLOCK_HOME or HOME.",
    ),
    "no-temporary-directory": Slug(
        "There is no writable directory for temporary files.",
        "Set TMPDIR to a directory that you can write to.",
    ),
    "system-limit": Slug(
        "A limit of the system on memory, open files, threads or file sizes is too low.",
        "Raise it where the command is started; see: ulimit -a",
    ),
    "usage": Slug("The command line is not understood.", "See: faceunlock --help"),
    "aborted": Slug("The confirmation was declined.", "Use --yes to go ahead without being asked."),
    "interrupted": Slug(
        "The command was interrupted; nothing was written unless the message says so.", "Run it again.", True
    ),
}


class UnusedPhoto(Protocol):
    """A photo that was not used, and why; see `faceunlock.pipeline.samples.LeftOut`."""

    @property
    def photo(self) -> str:
        """Its name."""
        ...

    @property
    def reason(self) -> str:
        """A key of `SLUGS`."""
        ...

    @property
    def detail(self) -> str:
        """The numbers behind the reason."""
        ...


class FaceUnlockError(Exception):
    """Base of all errors that faceunlock raises on purpose.

    Parameters
    ----------
    slug : str
        A key of `SLUGS`.
    message : str, optional
        A sentence for a person; the slug's meaning when omitted.
    hint : str, optional
        What to do; the slug's own hint when omitted.

    Attributes
    ----------
    seconds_left : float or None
        Seconds until it may succeed, where that is known.
    groups : tuple of tuple of str
        The photos of each person, where photos show several people.
    usable : tuple of str
        Photos that would have done, where several photos together do not.
    left_out : tuple of UnusedPhoto
        The other photos, where several were given.

    Raises
    ------
    KeyError
        If `slug` is not in `SLUGS`: an undocumented slug is a bug.

    Examples
    --------
    >>> error = PhotoError("no-face", "selfie.jpg: no face found")
    >>> str(error), error.slug, error.retryable
    ('selfie.jpg: no face found', 'no-face', True)
    """

    def __init__(self, slug: str, message: str | None = None, *, hint: str | None = None) -> None:
        known = SLUGS[slug]
        self.slug = slug
        self.message = message or known.meaning
        self.hint = hint or known.hint
        self.retryable = known.retryable
        self.seconds_left: float | None = None
        self.groups: tuple[tuple[str, ...], ...] = ()
        self.usable: tuple[str, ...] = ()
        self.left_out: tuple[UnusedPhoto, ...] = ()
        super().__init__(self.message)

    @property
    def explained(self) -> str:
        """The message and the hint, as text for a list of problems."""
        return f"{self.message}. {self.hint}"


class LockoutError(FaceUnlockError):
    """There were too many failed attempts in a row.

    Parameters
    ----------
    slug : str
        ``locked-out``.
    message : str
        Who is locked out.
    seconds_left : float or None
        Seconds until the next attempt is allowed; None if waiting does not help.
    """

    def __init__(self, slug: str, message: str, *, seconds_left: float | None) -> None:
        hint = None if seconds_left is not None else "The owner of the gallery can release the lock."
        super().__init__(slug, message, hint=hint)
        self.retryable = seconds_left is not None
        self.seconds_left = seconds_left


class PhotoError(FaceUnlockError):
    """A photo cannot be used: unreadable, no face, several faces, poor quality."""


class CameraError(FaceUnlockError):
    """A camera cannot be used."""


class EnrolmentError(FaceUnlockError):
    """A person cannot be enrolled with what was given."""


class GalleryError(FaceUnlockError):
    """The gallery cannot be opened, trusted or changed."""


class TransferError(FaceUnlockError):
    """An export or import cannot be done."""


class ModelError(FaceUnlockError):
    """A model, its weights or its device cannot be used."""


class CalibrationError(FaceUnlockError):
    """A threshold cannot be measured or saved."""


class ReportError(FaceUnlockError):
    """A page or a picture cannot be made or written."""


class PamError(FaceUnlockError):
    """A PAM service cannot be served or inspected."""


class AgentError(FaceUnlockError):
    """The resident process cannot be started, reached or stopped."""


class WebError(FaceUnlockError):
    """The page cannot be served, or a request is not answered."""


class ClusterError(FaceUnlockError):
    """A Ray cluster cannot be used, or stopped in the middle of the work."""


class AuditError(FaceUnlockError):
    """Groups of people cannot be compared."""


class TrainingError(FaceUnlockError):
    """A network or a classifier cannot be trained, or its training cannot go on."""


class SettingsError(FaceUnlockError):
    """The configuration or the command line is invalid."""
