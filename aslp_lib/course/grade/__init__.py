"""Grade a class's hand-ins: `python -m aslp_lib.course.grade FOLDER [NN ...]`.

An answer is a stranger's code. It runs in a process of its own, from which its *values* alone come
back, as JSON: a number, or what a function returns at the points that it is asked. What is right is
computed and compared in the grading process, which runs nothing that was handed in. So an answer
that changes the checker, prints a verdict or writes one to its pipe has changed nothing but its own
process.

What a hand-in is: a notebook in FOLDER, or a folder in it with notebooks; the student is its name.
An exercise's cell is known by its `exercises.check("NN/word", ...)`, or by the metadata that an
assignment's cells carry. It runs by itself: of the cells before it only imports of names that it
uses are made. Of several answers to an exercise the last counts, files in the order of their names.

What is guarded (`confinement`): other processes, the network, all files but Python's and this
library's; the exercises' answers in the library cannot be read either. Time, memory and processes
are limited. What the kernel does not offer is said in the report.

What is not: a flaw of the kernel; load on the processor for the seconds that an answer has; and
what a student does elsewhere. The library that they installed holds the right answers, since the
notebooks' checks need them, and an answer may be copied from another student. For a class that
attacks, grade in a container or a virtual machine.
"""
