"""Runs a notebook headless, prints what its cells printed, and exits with 1 at the first error.

    python3 execute.py demo.ipynb executed.ipynb

`jupyter nbconvert --execute` does the same but hides tslab's error text, which goes to a cell's stderr.
"""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

source, target = sys.argv[1:3]
notebook = nbformat.read(source, as_version=4)
failed = False
try:
    NotebookClient(notebook, timeout=120, kernel_name=notebook.metadata.kernelspec.name).execute()
except CellExecutionError:
    failed = True
nbformat.write(notebook, target)
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            print(output.text, end="")
        elif output.output_type == "display_data":
            print("displayed " + ", ".join(sorted(output.data)))
        elif output.output_type == "error":
            print(output.ename, output.evalue, *output.traceback, sep="\n")
sys.exit(1 if failed else 0)
