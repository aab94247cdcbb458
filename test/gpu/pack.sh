#!/usr/bin/env bash
# Packs what the GPU kit needs on a Linux machine without a network or Node: this machine's Node and Vulkan loader, Dawn for
# this processor, and of node_modules what is run. Unpack it in the root of a copy of the repository, and run
#
#     .cache/gpu-kit/run check        (instead of npm run gpu:check)
#     .cache/gpu-kit/run bench janus  (instead of npm run gpu:bench -- janus)
#
#     bash test/gpu/pack.sh [FILE.tar.xz]     default .cache/gpu-kit.tar.xz, about 45 MB
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-.cache/gpu-kit.tar.xz}
kit=.cache/gpu-kit
[[ -d node_modules/tsx && -d test/packages/webgpu/node_modules/webgpu ]] || {
  echo 'First: npm ci && npm ci --prefix test/packages/webgpu' >&2
  exit 1
}

rm -rf "$kit"
mkdir -p "$kit/bin" "$kit/lib"
cp "$(node -p process.execPath)" "$kit/bin/node"
strip "$kit/bin/node" 2>/dev/null || true # names for debuggers, where there is the tool
loader=$(ldconfig -p | awk '/libvulkan\.so\.1 / { found = $NF } END { print found }')
[[ -z $loader ]] || cp -L "$loader" "$kit/lib/libvulkan.so.1"
cp test/gpu/kit-run.sh "$kit/run"
chmod 755 "$kit/run"
git rev-parse --short=12 HEAD >"$kit/commit" 2>/dev/null || echo unknown >"$kit/commit"

platform=$(node -p '`${process.platform}-${process.arch}`')
# Tools that build, lint and type; other builds of what is run; what only a debugger or a compiler reads.
tools='typescript @biomejs binaryen assemblyscript core-js rollup @rollup sucrase tsup esbuild @esbuild .bin'
leave_out=(--anchored)
for name in $tools; do leave_out+=("--exclude=node_modules/$name"); done
leave_out+=(--no-anchored)
for pattern in '*.map' '*.d.ts' '*.d.cts' '*.d.mts' '*.min.js' '*.min.js.html' '*_test.js' '*.es2017.js' '*.fesm.js' \
  'tf*.es2017.*' '*.md' miniprogram coverage node_modules/.cache node_modules/.vite '*threaded*'; do
  leave_out+=("--exclude=$pattern")
done
# Bundles for browsers; Node takes those that end in .node.js.
for name in tf tf-core tf-layers tf-converter tf-data tf-backend-cpu tf-backend-webgl tf-backend-wasm; do
  leave_out+=("--exclude=dist/$name.js")
done
for other in test/packages/webgpu/node_modules/webgpu/dist/*/; do
  [[ $(basename "$other") == "$platform" ]] || leave_out+=("--exclude=${other%/}")
done
mkdir -p "$(dirname "$target")"
tar --dereference --create --file - "${leave_out[@]}" node_modules test/packages/webgpu/node_modules "$kit/bin" \
  "$kit/lib" "$kit/run" "$kit/commit" | xz --threads=2 >"$target"
rm -rf "$kit"
du -m "$target" | awk '{ print $2 ": " $1 " MB" }'
