import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the stand-ins are told to do wrong, by variables of their environment. */
export interface FakeTrouble {
  readonly FAKE_PYTHON?: 'old' | 'no pip';
  readonly FAKE_PIP?: 'no wheel' | 'no cuda';
  readonly FAKE_WHEEL?: 'useless' | 'without cuda';
  readonly FAKE_NPM?: 'no package';
  readonly FAKE_BUILD?: 'fails' | 'no headers' | 'hangs';
  readonly FAKE_ADDON?: 'broken';
}

/** The programs that install-native runs. */
export const FAKE_TOOLS = ['npm', 'python3', 'g++', 'make'] as const;

/**
 * Stand-ins for npm, Python with pip, a compiler and make, in `folder/bin`. They make files of the right names, and note
 * their calls in `folder/calls`. The package that npm "installs" computes the one product that is asked of it, if its
 * addon is there and finds TensorFlow's library.
 * @returns the environment in which there are no other programs
 */
export function fakeTools(folder: string): Readonly<Record<string, string>> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const program = join(folder, 'fake-tool');
  writeFileSync(program, FAKE_TOOL);
  chmodSync(program, 0o755);
  mkdirSync(join(folder, 'package/scripts'), { recursive: true });
  writeFileSync(join(folder, 'package/index.js'), FAKE_PACKAGE);
  writeFileSync(join(folder, 'package/scripts/deps-constants.js'), FAKE_CONSTANTS);
  for (const name of FAKE_TOOLS) symlinkSync(program, join(bin, name));
  writeFileSync(join(folder, 'calls'), '');
  return { PATH: bin, HOME: folder, FAKE_CALLS: join(folder, 'calls') };
}

const FAKE_PACKAGE = `
const fs = require('node:fs');
const { join } = require('node:path');
fs.accessSync(join(__dirname, 'lib/napi-v8/tfjs_binding.node'));
fs.accessSync(join(__dirname, 'deps/lib/libtensorflow.so.2'));
if (process.env.FAKE_ADDON === 'broken') throw new Error('undefined symbol: TF_Version');
exports.getBackend = () => 'tensorflow';
exports.backend = () => ({ binding: { TF_Version: '2.21.0' }, isUsingGpuDevice: false });
exports.tensor2d = (values) => values;
exports.matMul = () => ({ data: async () => [7, 10, 15, 22] });
`;

const FAKE_CONSTANTS = "exports.depsLibTensorFlowName = 'libtensorflow.so.2.9.1';";

/** In the shell's language, as Node would take longer to start than all the rest. */
const FAKE_TOOL = `#!/bin/sh
PATH=/usr/bin:/bin
tool=$(basename "$0")
echo "$tool $1 $2 $3" | head -n 1 >>"$FAKE_CALLS"
fail() { echo "$1" >&2; exit 1; }
put() { mkdir -p "$(dirname "$1")" && printf '%s' "$2" >"$1"; }
after() { # the argument after the one that is named first
  wanted=$1
  shift
  while [ $# -gt 1 ]; do
    if [ "$1" = "$wanted" ]; then echo "$2"; return; fi
    shift
  done
}
for last; do :; done

manifests() {
  put package.json "$1"
  put package-lock.json "$1"
  put node_modules/.package-lock.json "$1"
}

npm_install() {
  case "$*" in *--ignore-scripts*) ;; *) fail "the script of $last would download a library" ;; esac
  name=\${last%@*}
  manifests "$(printf '{"optionalDependencies": {"%s": "%s"}}' "$name" "\${last##*@}")"
  mkdir -p "node_modules/$name"
  cp -r "$(dirname "$FAKE_CALLS")/package/." "node_modules/$name"
  put "node_modules/$name/package.json" "$(printf '{"version": "%s", "main": "index.js"}' "\${last##*@}")"
  [ "$FAKE_NPM" != 'no package' ] || fail 'npm error 404 Not Found'
}

npm_uninstall() {
  rm -r "node_modules/$last" # and leaves an empty folder, as npm does
  manifests '{}'
}

build() {
  [ -d deps/include/tensorflow/c ] && [ -f deps/lib/libtensorflow.so ] || fail 'no headers, or no library'
  put build/half
  case $FAKE_BUILD in
    fails) fail 'error: expected ;' ;;
    'no headers') fail 'gyp ERR! getaddrinfo ENOTFOUND nodejs.org' ;;
    hangs) exec sleep 100 ;;
  esac
  put lib/napi-v8/tfjs_binding.node
}

pip() {
  case $1 in
    --version) [ "$FAKE_PYTHON" != 'no pip' ] || fail 'No module named pip' ;;
    download)
      [ "$FAKE_PIP" != 'no wheel' ] || fail 'ERROR: No matching distribution found'
      # For another Python than the one that runs, as it often is.
      [ "$(after --python-version "$@")" = 3.11 ] || fail 'ERROR: none for this Python'
      put "$(after --dest "$@")/$(echo "\${last%==*}" | tr - _)-\${last#*==}-cp311-cp311-linux.whl"
      ;;
    install)
      [ "$FAKE_PIP" != 'no cuda' ] || fail 'ERROR: No matching distribution found for nvidia-cublas'
      put "$(after --target "$@")/nvidia/cublas/lib/libcublas.so.12"
      ;;
  esac
}

unpack() {
  put "$2/tensorflow/include/tensorflow/c/c_api.h"
  [ "$FAKE_WHEEL" != useless ] || fail 'it lacks tensorflow/libtensorflow_cc.so.2'
  put "$2/tensorflow/libtensorflow_cc.so.2"
  put "$2/tensorflow/libtensorflow_framework.so.2"
  case $(basename "$1") in tensorflow-*) [ "$FAKE_WHEEL" = 'without cuda' ] || echo nvidia-cublas-cu12 ;; esac
}

case "$tool $1 $2" in
  'npm prefix '*) pwd ;;
  'npm install '*) npm_install "$@" ;;
  'npm uninstall '*) npm_uninstall ;;
  'npm run build-addon-from-source') build ;;
  'python3 -c import sys; '*) [ "$FAKE_PYTHON" != old ] ;;
  'python3 -m pip') shift 2; pip "$@" ;;
  'python3 -c '*) unpack "$3" "$4" ;;
  *) fail "unexpected: $tool $*" ;;
esac
`;
