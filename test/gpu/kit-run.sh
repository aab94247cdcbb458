#!/usr/bin/env bash
# Runs the GPU kit with the Node and the Vulkan loader that pack.sh brought: run check|bench ARGUMENTS
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=$PWD/.cache/gpu-kit
export PATH=$kit/bin:$PATH
# The machine's own loader, where it has one.
if [[ $(ldconfig -p 2>/dev/null) != *libvulkan.so.1* && -e $kit/lib/libvulkan.so.1 ]]; then
  export LD_LIBRARY_PATH=$kit/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
# NVIDIA's driver says where it is in a file that containers sometimes keep elsewhere.
if [[ -z ${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-} ]]; then
  for file in /usr/share/vulkan/icd.d/nvidia_icd*.json /etc/vulkan/icd.d/nvidia_icd*.json \
    /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd*.json; do
    if [[ -e $file ]]; then export VK_DRIVER_FILES=$file; break; fi
  done
fi
if [[ -z ${XDG_RUNTIME_DIR:-} ]]; then XDG_RUNTIME_DIR=$(mktemp -d); export XDG_RUNTIME_DIR; fi
command=$1
shift
exec node --import tsx "test/gpu/$command.ts" "$@" --commit "$(cat "$kit/commit")"
