import type { summary } from './statistics';

/** One line of the table; without `target` it only informs. */
export type Row = {
  item: string;
  measured: string;
  floor?: string;
  control?: string;
  ratio?: string;
  target?: string;
  met?: boolean;
  /** The figures themselves, for the JSON: ms, bytes, per second or shares. */
  values: Record<string, number>;
};

/** A line that compares with the floors: `atLeast` for rates, `atMost` for times. */
export function comparison(
  item: string,
  values: ReturnType<typeof summary>,
  show: (value: number) => string,
  limits: { atLeast?: number; atMost?: number } = {},
): Row {
  const { server, floor, control, ratio, noise } = values;
  const { atLeast, atMost } = limits;
  return {
    item,
    values,
    measured: show(server),
    floor: show(floor),
    control: show(control),
    ratio: `${ratio.toFixed(2)} (floors differ by ${percent(noise)})`,
    ...(atLeast !== undefined && { target: `>= ${atLeast} x floor`, met: ratio >= atLeast }),
    ...(atMost !== undefined && { target: `<= ${atMost} x floor`, met: ratio <= atMost }),
  };
}

/** The rows as a Markdown table. */
export function toMarkdown(rows: Row[]): string {
  const lines = rows.map(({ item, measured, floor = '', control = '', ratio = '', target = '', met }) =>
    line([item, measured, floor, control, ratio, target, met === undefined ? '' : met ? 'yes' : 'no']),
  );
  const head = ['', 'This server', 'Floor', 'Same floor again', 'Ratio', 'Target', 'Met'];
  return [line(head), line(head.map(() => '---')), ...lines].join('\n');
}

const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;

export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
export const perSecond = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 23 ? 1 : 0)} MiB`;
