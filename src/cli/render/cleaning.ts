// Text of `heddle clean-kube-proxy`.

import type { KubeProxyCleaning } from '../../api/kube-proxy.ts';

export function renderCleaning({ isDryRun, removed, left }: KubeProxyCleaning): readonly string[] {
  if (removed.length === 0 && left.length === 0)
    return ['kube-proxy has left nothing on this node'];
  const title = isDryRun ? 'Would be removed:' : 'Removed:';
  return [
    ...(removed.length === 0 ? [] : [title]),
    ...removed.map(({ what, count }) => `${String(count).padStart(6)}  ${what}`),
    ...left.map((text) => `left: ${text}`),
  ];
}
