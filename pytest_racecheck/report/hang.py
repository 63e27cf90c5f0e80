"""A hang as a person reads it: what every thread did when time ran out, and the processes that the test had started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.styled import Line, Span, line
from pytest_racecheck.report.terminal import clean, short_function

if TYPE_CHECKING:
    from pytest_racecheck.report.layout import Layout
    from pytest_racecheck.report.model import Failure, Frame, Held, ProcessReport, ThreadReport

_FRAMES_SHOWN: Final = 4  # -v shows all
_THREADS_SHOWN: Final = 12  # -v shows all
_NAMES_SHOWN: Final = 4  # -v shows all
_NATIVE_FUNCTION: Final = "0x"


def render_hang(failure: Failure, layout: Layout) -> list[list[Line]]:
    """The blocks of the section, but for the title and the advice."""
    shown = failure.threads if layout.verbose else failure.threads[:_THREADS_SHOWN]
    blocks = [_thread(each, layout) for each in shown]
    more = len(failure.threads) - len(shown)
    if more:
        blocks.append([line(f"  {layout.symbols.dots} {more} more threads (-v shows them)")])
    blocks += [_process(each, layout) for each in failure.processes]
    return [*blocks, _remarks(failure, layout)]


def _thread(thread: ThreadReport, layout: Layout, indent: str = "") -> list[Line]:
    who = clean(thread.id)
    if thread.name and thread.name != thread.id:
        who += f": {clean(thread.name)}"
    # The main thread runs the test: everybody knows.
    function = f", running {clean(short_function(thread.function))}" if thread.function not in ("", "test") else ""
    found = layout.paragraph(f"{indent}{who}{function}: {clean(thread.state)}", "thread", f"{indent}    ")
    for held in thread.holds:
        found += layout.paragraph(f"{indent}    holds {_held(held, layout)}", indent=f"{indent}      ")
    if layout.verbose and thread.native:
        names = [clean(each) for each in thread.native if not each.startswith(_NATIVE_FUNCTION)]
        if names:
            found += layout.paragraph(f"{indent}    in C: {', called by '.join(names)}", "dim", f"{indent}      ")
    return found + _stack(thread.stack, layout, indent)


def _held(held: Held, layout: Layout) -> str:
    taken = f", taken at {layout.place(held.file, held.line)}" if held.file else ""
    return f"{clean(held.resource)}{taken}"


def _stack(stack: list[Frame], layout: Layout, indent: str) -> list[Line]:
    """Innermost call first: where the thread is comes before how it got there."""
    shown = stack[::-1] if layout.verbose else stack[::-1][:_FRAMES_SHOWN]
    found: list[Line] = []
    for n, frame in enumerate(shown):
        where = f"{indent}    {'from' if n else 'at'} {layout.place(frame.file, frame.line)} in {clean(frame.function)}"
        found.append([Span(where, "dim")])
        if frame.source:
            found.append([Span(f"{indent}        {clean(frame.source)}")])
    return [layout.fitted(each) for each in found]


def _process(process: ProcessReport, layout: Layout) -> list[Line]:
    program, space, arguments = clean(process.command).partition(" ")
    if not layout.verbose:
        # What it was told to do says more than where the interpreter lies, and there is one line for both.
        program = program.rpartition("/")[2]
    head = f"process {process.pid}: {program}{space}{arguments}"
    found = layout.paragraph(head, "thread", "    ") if layout.verbose else [layout.fitted(line(head, "thread"))]
    for thread in process.threads:
        found += _thread(thread, layout, "  ")
    if process.note:
        found += layout.paragraph(f"  {clean(process.note)}", indent="    ")
    return found


def _remarks(failure: Failure, layout: Layout) -> list[Line]:
    found: list[Line] = []
    if failure.processes:
        found += layout.paragraph("What is left of these processes is ended together with the test.")
    if failure.folded:
        number = len(failure.folded)
        names = failure.folded if layout.verbose else failure.folded[:_NAMES_SHOWN]
        more = f", {layout.symbols.dots}" if len(names) < number else ""
        things = "thread that has" if number == 1 else "threads that have"
        found += layout.paragraph(f"not shown: {number} {things} no part in it ({', '.join(map(clean, names))}{more})")
    if failure.stacks_by and (layout.verbose or not failure.stacks_by.startswith("py-spy dump --native")):
        found += layout.paragraph(f"stacks by {clean(failure.stacks_by)}")
    return found
