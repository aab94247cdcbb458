/** What a Node program needs around the library: backends, files, pictures. */

export { decodePng, encodePng } from '../image/png.js';
export type { BackendName, SelectBackendOptions, SelectedBackend } from './backend.js';
export { selectBackend } from './backend.js';
export { clock } from './cli/runs/progress.js';
export { appendJsonLine, readPromptFile, writeFileAtomic } from './files.js';
export type { GridCell, GridOptions, Rgb } from './image-grid.js';
export { imageGrid } from './image-grid.js';
export type { RunFinding, RunRecord } from './report/read-run.js';
export { readRun } from './report/read-run.js';
export type { ChangeData, HeadlineData } from './report/report-data.js';
export type { RunPicture } from './report/run-picture.js';
export type { RunLevel, RunReward, RunStep } from './report/run-step.js';
export type { ServedReport, ServeReportOptions } from './report/serve-report.js';
export { serveReport } from './report/serve-report.js';
export type { ReportLoggerOptions, ReportOptions, WrittenReport } from './report/write-report.js';
export { reportLogger, writeReport } from './report/write-report.js';
export { fileRewardStore } from './reward-store.js';
export {
  defineRun,
  type LearningRate,
  type MayBeDisposed,
  type RunDefinition,
  type RunParts,
  type RunSettings,
} from './run/definition.js';
export { findingsLogger } from './run/findings-logger.js';
export { metricsLogger } from './run/metrics-logger.js';
export type { WritingOptions } from './run/patience.js';
export type { PictureLoggerOptions } from './run/picture-logger.js';
export { pictureLogger } from './run/picture-logger.js';
export type { PictureKind, PictureRecord } from './run/picture-record.js';
export type { RunFolder, RunFolderOptions } from './run/run-folder.js';
export { runFolder } from './run/run-folder.js';
export type { TrackedPicturesOptions } from './run/tracked-pictures.js';
export { trackedPictures } from './run/tracked-pictures.js';
export { INTERRUPTED, type StopOnSignals, stopOnSignals } from './stop-on-signals.js';
export { type Scalars, stepScalars } from './tensorboard/scalars.js';
export type { TensorBoardOptions } from './tensorboard/tensorboard-logger.js';
export { tensorBoardLogger } from './tensorboard/tensorboard-logger.js';
export { loadWeights, readSafetensors, saveWeights, writeSafetensors } from './weights.js';
