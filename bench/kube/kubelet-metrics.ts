// The container runtime's speed as the kubelets' metrics report it.

import type { KubeCluster } from '../../test/kube/cluster/cluster.ts';

export interface OperationTime {
  readonly count: number;
  readonly seconds: number;
}

/** RunPodSandbox calls of all nodes since their kubelets started. */
export async function sandboxTime(cluster: KubeCluster): Promise<OperationTime> {
  const texts = await Promise.all(
    cluster.record.nodes.map(async ({ name }) => {
      const asked = ['curl', '-skf', 'https://127.0.0.1:10250/metrics'];
      const { exitCode, stdout } = await cluster.run(name, asked);
      if (exitCode !== 0) throw new Error(`the kubelet of ${name} gives no metrics`);
      return stdout;
    }),
  );
  const sum = (part: string): number => {
    const line = new RegExp(
      `^kubelet_runtime_operations_duration_seconds_${part}{operation_type="run_podsandbox"} (.+)$`,
      'm',
    );
    return texts.reduce((total, text) => total + Number(line.exec(text)?.[1] ?? 0), 0);
  };
  return { count: sum('count'), seconds: sum('sum') };
}
