/** Charts for the notebooks: ECharts draws, resvg makes a PNG of it, which every viewer of notebooks shows. */
import { Resvg } from '@resvg/resvg-js';
import * as echarts from 'echarts';
import * as tslab from 'tslab';

/** One curve, cloud of dots or row of bars. */
export interface Series {
  readonly name: string;
  /** `[x, y]` each; for bars, x is a label. */
  readonly points: readonly (readonly [number | string, number])[];
  /** Default `line`. */
  readonly as?: 'line' | 'dots' | 'bars';
  readonly dashed?: boolean;
}

/** One chart. */
export interface Panel {
  readonly title: string;
  readonly x: string;
  /** Default: none. */
  readonly y?: string;
  readonly series: readonly Series[];
  /** The ends of the y axis. Default: what the points need. */
  readonly range?: readonly [number, number];
}

const [WIDTH, HEIGHT, SHARPNESS] = [900, 340, 1.5] as const;
const FONT = 'DejaVu Sans';
const COLORS = ['#0969da', '#cf222e', '#1a7f37', '#bf8700', '#8250df', '#57606a'];

const TYPES = { line: 'line', dots: 'scatter', bars: 'bar' } as const;

/** Where a value axis begins and ends: at the data. Rounded, as ECharts takes 1.7999999999999998 ill. */
function endsOf(series: readonly Series[]): { min?: number; max?: number } {
  const xs = series
    .flatMap(({ points }) => points.map(([x]) => x))
    .filter((x): x is number => typeof x === 'number');
  const rounded = (x: number): number => Number(x.toPrecision(6));
  return xs.length === 0 ? {} : { min: rounded(Math.min(...xs)), max: rounded(Math.max(...xs)) };
}

/** ECharts' options of panels side by side. */
function chartOf(panels: readonly Panel[]): echarts.EChartsOption {
  const share = 100 / panels.length;
  const labelled = {
    nameLocation: 'middle',
    nameTextStyle: { fontSize: 13 },
    axisLabel: { fontSize: 12 },
  } as const;
  return {
    animation: false,
    backgroundColor: '#fff',
    color: COLORS,
    textStyle: { fontFamily: FONT },
    title: panels.map(({ title }, i) => ({
      text: title,
      left: `${(i + 0.5) * share}%`,
      textAlign: 'center',
      top: 8,
      textStyle: { fontSize: 15, fontFamily: FONT },
    })),
    legend: panels.map(({ series }, i) => ({
      data: series.map(({ name }) => `${i} ${name}`),
      formatter: (name: string) => name.slice(2),
      left: `${i * share + 7}%`,
      width: `${share - 8}%`,
      top: 34,
      textStyle: { fontSize: 12 },
      icon: 'roundRect',
      itemWidth: 16,
      itemHeight: 4,
      itemGap: 28,
      show: series.length > 1,
    })),
    grid: panels.map((_, i) => ({ left: `${i * share + 7}%`, width: `${share - 9}%`, top: 76, bottom: 52 })),
    xAxis: panels.map(({ x, series }, i) => ({
      ...labelled,
      gridIndex: i,
      name: x,
      nameGap: 28,
      type: series.some(({ points }) => typeof points[0]?.[0] === 'string') ? 'category' : 'value',
      ...endsOf(series),
      axisLine: { onZero: false },
      splitLine: { show: false },
    })),
    yAxis: panels.map(({ y, range, series }, i) => ({
      ...labelled,
      gridIndex: i,
      name: y,
      nameGap: 44,
      type: 'value',
      // Bars stand on 0.
      scale: !series.some(({ as }) => as === 'bars'),
      min: range?.[0],
      max: range?.[1],
    })),
    series: panels.flatMap(({ series }, i) =>
      series.map(({ name, points, as = 'line', dashed }, s) => ({
        name: `${i} ${name}`,
        type: TYPES[as],
        data: points.map((point) => [...point]),
        xAxisIndex: i,
        yAxisIndex: i,
        color: COLORS[s % COLORS.length],
        showSymbol: false,
        symbolSize: 5,
        silent: true,
        lineStyle: { width: 2, type: dashed ? 'dashed' : 'solid' },
      })),
    ) as echarts.SeriesOption[],
  };
}

/** Shows charts side by side below the cell. */
export function plot(...panels: Panel[]): void {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption(chartOf(panels));
  const picture = new Resvg(chart.renderToSVGString(), {
    fitTo: { mode: 'zoom', value: SHARPNESS },
    // A font of its own, so that the chart looks the same where the system has none.
    font: {
      fontFiles: [
        require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
        require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
      ],
      loadSystemFonts: false,
      defaultFontFamily: FONT,
    },
  });
  chart.dispose();
  tslab.display.png(picture.render().asPng());
}
