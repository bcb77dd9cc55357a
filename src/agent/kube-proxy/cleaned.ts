// What one step of a cleaning removed, and what it left.

import type { KubeProxyCleaning } from '../../api/kube-proxy.ts';

export type Cleaned = Pick<KubeProxyCleaning, 'removed' | 'left'>;
