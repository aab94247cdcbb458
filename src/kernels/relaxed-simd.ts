/** A module of one function, which adds the product of two zero vectors to a third by `f32x4.relaxed_madd`, and forgets it. */
const RELAXED_MADD = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // '\0asm', version 1
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // type 0: () → ()
  ...[0x03, 0x02, 0x01, 0x00], // function 0 is of type 0
  ...[0x0a, 0x14, 0x01, 0x12, 0x00], // its body: 18 bytes, no locals
  ...[0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f], // thrice i32.const 0, i8x16.splat
  ...[0xfd, 0x85, 0x02, 0x1a, 0x0b], // f32x4.relaxed_madd, drop, end
);

let relaxedSimd: boolean | undefined;

/** Whether this engine has relaxed SIMD: Node 22 and newer, browsers since 2023. */
export function hasRelaxedSimd(): boolean {
  // Once: a worker asks at every task.
  relaxedSimd ??= WebAssembly.validate(RELAXED_MADD);
  return relaxedSimd;
}
