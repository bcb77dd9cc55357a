// The part of the status screen about the API server: connection, freshness of each resource, failures.

import type { ApiResourceView } from '../../api/api-server.ts';
import type { ClusterView } from '../../api/status.ts';
import { wrapItems } from './columns.ts';
import { formatAge, formatCount, plural } from './units.ts';

export interface LabelledLine {
  readonly label: string;
  readonly text: string;
}

const labelWidth = 13;
const screenWidth = 110;

/** Empty if cluster state does not come from an API server. */
export function apiServerLines({ apiServer }: ClusterView, now: Date): readonly LabelledLine[] {
  if (apiServer === undefined) return [];
  const age = (time: string): string => formatAge(now.getTime() - Date.parse(time));
  const { connectedSince, unreachable, resources } = apiServer;
  const connection =
    unreachable !== undefined
      ? `no connection for ${age(unreachable.since)}`
      : connectedSince === undefined
        ? 'connecting'
        : `connected for ${age(connectedSince)}`;
  const items = resources.map((resource) => resourceText(resource, age));
  return [
    { label: 'API', text: wrapItems([connection, ...items], labelWidth, screenWidth) },
    ...resources.flatMap(({ resource, failing }) =>
      failing === undefined || unreachable !== undefined
        ? []
        : [{ label: '', text: `${resource}: failing for ${age(failing.since)}: ${failing.text}` }],
    ),
    ...resources.flatMap(({ doubt }) =>
      doubt === undefined
        ? []
        : [{ label: '', text: `doubted for ${age(doubt.since)}: ${doubt.text}` }],
    ),
  ];
}

function resourceText(
  { resource, objects, listedAt, watchedAt, relists, reading }: ApiResourceView,
  age: (time: string) => string,
): string {
  if (listedAt === undefined) {
    if (reading === undefined) return `${resource} not read yet`;
    return `reading ${resource} for ${age(reading.since)} (${formatCount(reading.objects)} so far)`;
  }
  const again = relists === 0 ? '' : `, ${plural(relists, 'relist')}`;
  const heard = watchedAt === undefined ? '' : ` (${age(watchedAt)} ago${again})`;
  return `${resource} ${formatCount(objects)}${heard}`;
}
