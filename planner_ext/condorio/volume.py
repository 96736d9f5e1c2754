"""How much moves: in all, per transformation, per node, per file; what would not pass the submit host. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from statistics import median_low

from planner_ext.condorio.model import Amount, FileKind, Job, Measured, Mode, MovedFile, amount_of


@dataclass(frozen=True, slots=True)
class JobVolume:
    """What moves for one job: as its log says, else by the sizes of its files."""

    job: Job
    sent: Amount
    returned: Amount
    data_sent: Amount
    """of it the task's own inputs, which a staging site would take over"""
    data_returned: Amount
    measured: Measured | None = None

    @property
    def total(self) -> int:
        """Bytes, both ways, as far as known."""
        return self.sent.size + self.returned.size

    @property
    def data(self) -> Amount:
        """Both ways."""
        return self.data_sent + self.data_returned


@dataclass(frozen=True, slots=True)
class Spread:
    """Bytes per job, of those whose bytes are known."""

    median: int | None
    largest: int | None


@dataclass(frozen=True, slots=True)
class TransformationVolume:
    """All jobs of a transformation."""

    name: str
    jobs: int
    sent: Amount
    returned: Amount
    data: Amount
    sent_per_job: Spread
    returned_per_job: Spread


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that several jobs get."""

    file: MovedFile
    times: int

    @property
    def moved(self) -> int:
        """Bytes that are sent for it."""
        return (self.file.size or 0) * self.times

    @property
    def saved(self) -> int:
        """Bytes that a cache near the jobs would save: all times but one."""
        return (self.file.size or 0) * (self.times - 1)


@dataclass(frozen=True, slots=True)
class Volume:
    """Of a workflow."""

    jobs: tuple[JobVolume, ...]
    """those whose files HTCondor moves through the submit host"""
    transformations: tuple[TransformationVolume, ...]
    """the most bytes first"""
    sent: Amount
    returned: Amount
    data: Amount
    measured_jobs: int
    retried: int
    """bytes of attempts before the last ones"""
    inputs_once: Amount
    """each input file counted once"""
    inputs_moved: Amount
    """each as often as it is sent"""
    shared: tuple[SharedFile, ...]
    """what is sent more than once, the most bytes that a cache would save first"""
    staged_in: Amount
    """by pegasus-transfer, to the submit host"""
    staged_out: Amount
    transfer_jobs: int
    """that do that"""
    unknown_kinds: Mapping[FileKind, int] = field(default_factory=dict)
    """files without a size, of jobs that are not measured"""


def volume_of(
    jobs: Sequence[Job], files: Sequence[MovedFile], measured: Mapping[str, Measured], *, if_needed: bool
) -> Volume:
    """All of it. `if_needed`: jobs that move files only where no file system is shared are counted, too."""
    modes = {Mode.CONDOR, Mode.IF_NEEDED} if if_needed else {Mode.CONDOR}
    moved = tuple(
        _job_volume(job, files, measured.get(job.node)) for job in jobs if _counts(job, modes, measured)
    )
    planned = [one for one in moved if one.measured is None]
    unknown = Counter(files[place].kind for one in planned for place in _unknown(one.job, files))
    by_pegasus = [job for job in jobs if job.mode is Mode.PEGASUS]
    times = Counter(place for one in moved for place in one.job.inputs)
    shared = (SharedFile(files[place], count) for place, count in times.items() if count > 1)
    return Volume(
        moved,
        tuple(sorted(_transformations(moved), key=lambda one: -(one.sent.size + one.returned.size))),
        _sum(one.sent for one in moved),
        _sum(one.returned for one in moved),
        _sum(one.data for one in moved),
        len(moved) - len(planned),
        sum(_retried(one.measured) for one in moved if one.measured),
        amount_of(list(times), files),
        _sum(_times(files[place].size, count) for place, count in times.items()),
        tuple(sorted((one for one in shared if one.file.size), key=lambda one: -one.saved)),
        _sum(amount_of(job.inputs, files) for job in by_pegasus),
        _sum(amount_of(job.outputs, files) for job in by_pegasus),
        len(by_pegasus),
        dict(unknown),
    )


def _counts(job: Job, modes: set[Mode], measured: Mapping[str, Measured]) -> bool:
    """A job that had to move files only if needed did so where its log says."""
    if job.mode is not Mode.IF_NEEDED or Mode.IF_NEEDED in modes:
        return job.mode in modes
    one = measured.get(job.node)
    return one is not None and bool(one.sent or one.returned)


def _times(size: int | None, count: int) -> Amount:
    return Amount(0, count) if size is None else Amount(size * count)


def _sum(amounts: Iterable[Amount]) -> Amount:
    size = unknown = 0
    for one in amounts:
        size += one.size
        unknown += one.unknown
    return Amount(size, unknown)


def _unknown(job: Job, files: Sequence[MovedFile]) -> list[int]:
    return [place for place in (*job.inputs, *job.outputs) if files[place].size is None]


def _retried(one: Measured) -> int:
    return one.sent + one.returned - one.last_sent - one.last_returned


def _job_volume(job: Job, files: Sequence[MovedFile], measured: Measured | None) -> JobVolume:
    inputs = amount_of(job.inputs, files, FileKind.DATA)
    outputs = amount_of(job.outputs, files, FileKind.DATA) + Amount(0, int(job.more_outputs))
    if measured is None:
        logs = amount_of(job.outputs, files, FileKind.LOG)
        return JobVolume(job, amount_of(job.inputs, files), outputs + logs, inputs, outputs)
    # A job that was tried again has got its data as often; what it brought back of it is not known.
    again = Amount(min(inputs.size * measured.attempts, measured.sent), inputs.unknown)
    back = Amount(min(outputs.size, measured.returned), outputs.unknown)
    return JobVolume(job, Amount(measured.sent), Amount(measured.returned), again, back, measured)


def _transformations(moved: Iterable[JobVolume]) -> Iterable[TransformationVolume]:
    grouped: dict[str, list[JobVolume]] = defaultdict(list)
    for one in moved:
        grouped[one.job.transformation].append(one)
    for name, jobs in grouped.items():
        yield TransformationVolume(
            name,
            len(jobs),
            _sum(one.sent for one in jobs),
            _sum(one.returned for one in jobs),
            _sum(one.data for one in jobs),
            _spread([one.sent for one in jobs]),
            _spread([one.returned for one in jobs]),
        )


def _spread(amounts: Iterable[Amount]) -> Spread:
    known = [one.size for one in amounts if not one.unknown]
    return Spread(median_low(known), max(known)) if known else Spread(None, None)


def largest_jobs(volume: Volume, count: int) -> list[JobVolume]:
    """The jobs that move most, ties by name."""
    return nlargest(count, volume.jobs, key=lambda one: (one.total, one.job.node))


def gaining_jobs(volume: Volume, count: int) -> list[JobVolume]:
    """The jobs whose data a staging site would take off the submit host, the most bytes first."""
    gaining = (one for one in volume.jobs if one.data.size)
    return nlargest(count, gaining, key=lambda one: (one.data.size, one.job.node))
