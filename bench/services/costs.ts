// What a proxy costs until it has written all Services, and for each change.

import type { Figure } from '../experiment.ts';
import type { BenchPlace } from '../place.ts';
import type { ApiWriter } from '../simulated/api-writer.ts';
import { percentile, ratios, series } from '../statistics.ts';
import { measureChanges } from './changes.ts';
import { arms, groups, metrics } from './names.ts';
import { PeakMemory, processorSeconds, residentMegabytes } from './process-cost.ts';
import type { MeasuredProxy } from './proxy.ts';

export interface CostOptions {
  readonly size: number;
  readonly writer: ApiWriter;
  /** The client of changes. */
  readonly client: BenchPlace;
  /** Address of the server's pod. */
  readonly backend: string;
  readonly cpu: number;
  readonly isQuick: boolean;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  /** Called after the cold sync. */
  readonly onSynced: () => Promise<void>;
}

type Metric = Exclude<keyof typeof metrics, 'rate' | 'connectP99'>;

/** A proxy that was too slow has a lower bound of its cold sync. */
export type ProxyCosts = Readonly<Partial<Record<Metric, readonly number[]>>>;

const units: Readonly<Record<Metric, string>> = {
  cold: 's',
  writing: 's',
  processor: 's',
  changeP50: 'ms',
  changeP99: 'ms',
  changeProcessor: 'ms',
  resident: 'MB',
  peak: 'MB',
};
const mostChangeSeconds = 30;

/** Starts the proxy on its fresh node, changes Services, and stops it. */
export async function proxyCosts(proxy: MeasuredProxy, options: CostOptions): Promise<ProxyCosts> {
  const { size, isQuick, signal, progress, onSynced } = options;
  const count = proxy.changes[isQuick ? 'quick' : 'usual'];
  const starting = proxy.start(size, signal);
  using memory = new PeakMemory(proxy.pid);
  const { seconds, writingSeconds } = await starting;
  const processor = processorSeconds(proxy.pid);
  progress(
    `${proxy.name}: synced after ${seconds.toFixed(1)} s, ${processor.toFixed(1)} s of processor`,
  );
  await onSynced();
  const changed = await measureChanges(proxy, {
    ...options,
    count,
    mostSeconds: mostChangeSeconds,
  });
  const resident = residentMegabytes(proxy.pid);
  await proxy.stop();
  const [p50, p99] = [percentile(changed.lagsMs, 50), percentile(changed.lagsMs, 99)];
  progress(
    `${proxy.name}: ${changed.lagsMs.length} changes, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  );
  return {
    ...{ cold: [seconds], writing: [writingSeconds], processor: [processor] },
    ...{ changeP50: changed.lagsMs, changeP99: [p99], changeProcessor: [changed.processorMs] },
    ...{ resident: [resident], peak: [memory.megabytes] },
  };
}

/** In the order of the proxies; ratios are those of medians. */
export function costFigures(
  size: number,
  costs: ReadonlyMap<string, ProxyCosts>,
): readonly Figure[] {
  const base = costs.get(arms.nftables) ?? costs.get(lateName(arms.nftables));
  return (Object.keys(units) as readonly Metric[]).flatMap((metric) =>
    [...costs].flatMap(([arm, measured]): readonly Figure[] => {
      const samples = measured[metric];
      if (samples === undefined) return [];
      const values = series(samples);
      const figure = {
        ...{ group: groups.sync(size), arm, metric: metrics[metric], unit: units[metric] },
        ...{ better: 'lower' as const, values },
      };
      const of = measured === base ? undefined : base?.[metric];
      return [
        of === undefined
          ? figure
          : { ...figure, ratios: ratios([values.median], [series(of).median]) },
      ];
    }),
  );
}

/** The arm of a proxy of which only a lower bound is known. */
export function lateName(arm: string): string {
  return `${arm} (not synced, longer than)`;
}
