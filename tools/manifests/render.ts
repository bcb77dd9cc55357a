// The plain manifests are the chart with its default values: helm renders both, so that they are always the same
// objects.

import { configKeyComments } from './config-keys.ts';
import { helmTemplate } from './helm.ts';

export const configKeysFile = 'deploy/helm/heddle/files/config-keys.txt';
export const manifestsFile = 'deploy/kubernetes/heddle.yaml';

const head = `# Heddle for a Kubernetes cluster: kubectl apply -f deploy/kubernetes/heddle.yaml
# Written from deploy/helm/heddle by \`npm run manifests\`; how to install, to change and to remove: docs/install.md.
`;

/** The text of `manifestsFile`. Throws an Error with helm's output. */
export function plainManifests(helm: string): string {
  // Helm begins each template with its source, and leaves an empty line for everything that it omits.
  const lines = helmTemplate(helm)
    .split('\n')
    .filter((line) => !line.startsWith('# Source: '))
    .map((line) => line.trimEnd());
  const documents = lines
    .join('\n')
    .split(/^---$/m)
    .map((document) => document.trim())
    .filter((document) => document !== '');
  return `${[head.trimEnd(), ...documents].join('\n---\n')}\n`;
}

/** The text of `configKeysFile`. */
export function configKeys(): string {
  return configKeyComments();
}
