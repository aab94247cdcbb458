/**
 * Python that takes out of a TensorFlow wheel what the addon needs: two libraries, the headers of the C API and those
 * that they include. That is 820 MB of 1.3 GB. Prints the packages of the `and-cuda` extra, one a line.
 *
 * Arguments: the wheel, the folder to unpack to.
 */
export const UNPACK_SCRIPT = `
import re, sys, zipfile
wheel, target = sys.argv[1:]
libraries = {"tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"}
folders = tuple("tensorflow/include/" + name for name in
                ("tensorflow/c/", "tensorflow/core/platform/", "tensorflow/tsl/", "tsl/", "xla/tsl/"))
with zipfile.ZipFile(wheel) as archive:
    names = archive.namelist()
    missing = sorted(libraries.difference(names))
    if missing:
        sys.exit("it lacks " + ", ".join(missing))
    archive.extractall(target, [name for name in names
                                if name in libraries or name.startswith(folders) and name.endswith(".h")])
    metadata = next(name for name in names if re.fullmatch(r"[^/]+\\.dist-info/METADATA", name))
    for line in archive.read(metadata).decode().splitlines():
        found = re.match(r"Requires-Dist: ([^;]+?)\\s*;.*extra == .and-cuda.", line)
        if found:
            print(found.group(1).replace(" ", ""))
`;
