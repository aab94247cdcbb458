/** Whose result had numbers that are not finite, its checksum, and how often there was such a one. */
export interface Suspect {
  readonly worker: string;
  readonly sha256: string;
  readonly times: number;
}

/** Results of one worker alone that are believed in the end, where others are there but never take the job. */
const MOST_TIMES = 5;

/**
 * What numbers that are not finite say. If two workers give the same ones, or the only one gives them twice, it is what the weights
 * give, and the training says what to do; else the job is done again.
 * @param before the suspect so far
 * @param others whether another worker could do the job
 * @returns the new suspect, or nothing if the result is to be believed
 */
export function suspectAfter(
  before: Suspect | undefined,
  { worker, sha256 }: Pick<Suspect, 'worker' | 'sha256'>,
  others: boolean,
): Suspect | undefined {
  const times = (before?.times ?? 0) + 1;
  const isSame = before?.sha256 === sha256;
  const isConfirmed = isSame && (before?.worker !== worker || !others || times > MOST_TIMES);
  return isConfirmed ? undefined : { worker, sha256, times };
}
