/**
 * Events as TensorBoard reads them. The numbers of the fields are those of tensorflow/core/util/event.proto and
 * tensorflow/core/framework/{summary,tensor,tensor_shape}.proto.
 */
import type { Histogram } from './histogram.js';
import {
  bytesField,
  concat,
  doubleField,
  doublesField,
  floatField,
  messageField,
  textField,
  uintField,
} from './protobuf.js';

/** One value of a summary, encoded. */
export type SummaryValue = Uint8Array;

/** When an event was: seconds since 1970, and the training step. */
export interface EventTime {
  readonly wallTime: number;
  readonly step: number;
}

/** A number. It is stored as a float32. */
export const scalarValue = (tag: string, value: number): SummaryValue =>
  messageField(1, textField(1, tag), floatField(2, value));

/** A histogram. */
export const histogramValue = (tag: string, histogram: Histogram): SummaryValue =>
  messageField(
    1,
    textField(1, tag),
    messageField(
      5,
      doubleField(1, histogram.min),
      doubleField(2, histogram.max),
      doubleField(3, histogram.count),
      doubleField(4, histogram.sum),
      doubleField(5, histogram.sumOfSquares),
      doublesField(6, histogram.limits),
      doublesField(7, histogram.counts),
    ),
  );

/** A picture, as a PNG file of 8-bit RGB. */
export const imageValue = (
  tag: string,
  { width, height }: { readonly width: number; readonly height: number },
  png: Uint8Array,
): SummaryValue =>
  messageField(
    1,
    textField(1, tag),
    // Colour space 3 is RGB.
    messageField(4, uintField(1, height), uintField(2, width), uintField(3, 3), bytesField(4, png)),
  );

const DT_STRING = 7;
const DATA_CLASS_TENSOR = 2;

/** A text in Markdown, for the plugin "text": a tensor of one string. */
export const textValue = (tag: string, text: string): SummaryValue =>
  messageField(
    1,
    textField(1, tag),
    messageField(
      8,
      uintField(1, DT_STRING),
      messageField(2, messageField(2, uintField(1, 1))), // shape [1]
      textField(8, text),
    ),
    messageField(9, messageField(1, textField(1, 'text')), uintField(4, DATA_CLASS_TENSOR)),
  );

/** What every file begins with. */
export const fileVersionEvent = (wallTime: number): Uint8Array =>
  concat([doubleField(1, wallTime), textField(3, 'brain.Event:2')]);

/** Says that a run begins, or goes on, at a step: what other files say of it and of later steps no longer counts. */
export const startEvent = ({ wallTime, step }: EventTime): Uint8Array =>
  // Status 1 is START.
  concat([doubleField(1, wallTime), uintField(2, step), messageField(7, uintField(1, 1))]);

/** Values of one step. */
export const summaryEvent = ({ wallTime, step }: EventTime, values: readonly SummaryValue[]): Uint8Array =>
  concat([doubleField(1, wallTime), uintField(2, step), messageField(5, ...values)]);
