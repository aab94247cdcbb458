import { VERSION } from '../../version.js';
import { PROTOCOL, type RunInfo } from '../wire/protocol.js';

/** What of a worker must fit a run. */
export interface OwnSide {
  readonly config: string;
  readonly backend: string;
  readonly hasFolder: boolean;
}

/** Why a worker can't work for a run, in words; undefined if it can. */
export function refusalOfRun(run: RunInfo, own: OwnSide): string | undefined {
  if (run.protocol !== PROTOCOL || run.bicot !== VERSION) {
    return `the run is one of bicot ${run.bicot} (protocol ${run.protocol}), and this worker of ${VERSION} (protocol ${PROTOCOL}). Install the same version on both sides.`;
  }
  if (run.config !== own.config) {
    return `the run has the configuration ${run.config.slice(0, 12)}, and this worker ${own.config.slice(0, 12)} (checksums of what was configured and of the policy's variables). Give both sides the same configuration.`;
  }
  if (!run.backends.includes(own.backend)) {
    return `the run wants results of the backend ${run.backends.join(' or ')}, and this worker has '${own.backend}', which gives other last bits. Choose the backend with --backend, or allow this one in the run (backends).`;
  }
  if (run.weights === 'folder' && !own.hasFolder) {
    return 'the run keeps its weights in a shared folder, and this worker was told of none. Name it (--weights DIR).';
  }
  return undefined;
}
