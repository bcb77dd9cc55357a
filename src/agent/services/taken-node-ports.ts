// Processes of the node that listen on a node port of a Service. They are named, not hindered: refusing them the port would
// let whoever may write Services stop any program of the node that is about to start.

import type { ListeningSocket } from '../../kernel/sockets/listening-socket.ts';
import { nodePortKey } from '../../model/services/frontend.ts';
import type { ServiceTables } from '../../model/services/services.ts';
import type { Port } from '../../net/port.ts';

export interface TakenNodePort {
  /** `Service shop/web` */
  readonly subject: string;
  readonly text: string;
}

const shownAtMost = 10;

/** At most some ten. */
export function takenNodePorts(
  { owners }: Pick<ServiceTables, 'owners'>,
  listening: readonly ListeningSocket[],
): readonly TakenNodePort[] {
  const taken = new Map<string, TakenNodePort>();
  for (const { protocol, family, port } of listening) {
    for (const each of family === 6 ? ([4, 6] as const) : ([4] as const)) {
      const service = owners.get(nodePortKey(each, port as Port, protocol))?.service;
      if (service === undefined) continue;
      const filter = protocol === 'TCP' ? '-ltnp' : '-lunp';
      taken.set(`${port}/${protocol}`, {
        subject: `Service ${service}`,
        text: `node port ${port}/${protocol}: a process of this node listens there (\`ss ${filter} sport = :${port}\`); where node ports answer, clients reach Service ${service} instead`,
      });
      break;
    }
  }
  return [...taken.values()].slice(0, shownAtMost);
}
