// Name of a Kubernetes object within its cluster, as users write it: `shop/web-1`. It is also the object's key in maps.

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

export function namespacedName({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

/** Names the pod where there is one, else the container by the start of its id, as runtimes print it. */
export function podOrContainer({
  pod,
  containerId,
}: {
  readonly pod?: NamespacedName | undefined;
  readonly containerId: string;
}): string {
  return pod === undefined ? `container ${containerId.slice(0, 12)}` : namespacedName(pod);
}
