"""Runs a notebook headless from a clean state, in the present folder, and writes it with its outputs.

    python3 execute.py first.ipynb executed.ipynb

`jupyter nbconvert --execute` does the same but hides tslab's error text, which goes to a cell's stderr. Prints the error of
the cell that failed, and exits with 1.
"""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

SECONDS_PER_CELL = 900

source, target = sys.argv[1:3]
notebook = nbformat.read(source, as_version=4)
for cell in notebook.cells:
    cell.metadata = {}
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
client = NotebookClient(
    notebook,
    timeout=SECONDS_PER_CELL,
    kernel_name=notebook.metadata.kernelspec.name,
    record_timing=False,
)
failure = None
try:
    client.execute()
except (CellExecutionError, CellTimeoutError) as error:
    failure = error
nbformat.write(notebook, target)
if failure:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                print(output.text, end="")
    print(str(failure)[-2000:])
sys.exit(1 if failure else 0)
