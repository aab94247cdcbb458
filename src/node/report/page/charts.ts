import type { ChartData, ReportData } from '../report-data.js';
import { type ChartCard, chartCard } from './chart.js';
import { findingMarks } from './findings.js';

/** All charts of the page. */
export interface Charts {
  /** Shows other data; makes what does not fit it again. */
  readonly update: (data: ReportData, smooth: boolean) => void;
  /** Points at a step in all of them. */
  readonly point: (step: number) => void;
  readonly redraw: () => void;
}

/** Charts in the boxes of their sections. */
export function charts(boxes: Readonly<Record<ChartData['section'], HTMLElement>>): Charts {
  let cards = new Map<string, ChartCard>();
  let marks: ReadonlyMap<number, string> = new Map();

  return {
    update(data, smooth) {
      marks = findingMarks(data);
      const next = new Map<string, ChartCard>();
      for (const chart of data.charts) {
        const known = cards.get(chart.id);
        if (known?.fits(chart)) {
          known.update(chart, smooth);
          next.set(chart.id, known);
        } else next.set(chart.id, chartCard({ data, chart, smooth, marks: () => marks }));
      }
      for (const [id, card] of cards) if (next.get(id) !== card) card.dispose();
      for (const [section, box] of Object.entries(boxes)) {
        const wanted = data.charts
          .filter((chart) => chart.section === section)
          .map(({ id }) => (next.get(id) as ChartCard).element);
        const same =
          wanted.length === box.children.length && wanted.every((one, i) => one === box.children[i]);
        if (!same) box.replaceChildren(...wanted);
      }
      cards = next;
      for (const card of cards.values()) card.draw();
    },
    point(step) {
      const [first] = cards.values();
      first?.element.scrollIntoView({ block: 'nearest' });
      for (const card of cards.values()) card.point(step);
    },
    redraw: () => {
      for (const card of cards.values()) card.redraw();
    },
  };
}
