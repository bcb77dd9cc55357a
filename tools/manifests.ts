// `npm run manifests`: writes the generated files in deploy/: the comments of the ConfigMap, from the configuration schema,
// and the plain manifests, from the Helm chart. test/kube/manifests.test.ts fails when they are out of date.

import { writeFileSync } from 'node:fs';
import { helmProgram } from './manifests/helm.ts';
import { configKeys, configKeysFile, manifestsFile, plainManifests } from './manifests/render.ts';

writeFileSync(configKeysFile, configKeys());
writeFileSync(manifestsFile, plainManifests(helmProgram()));
