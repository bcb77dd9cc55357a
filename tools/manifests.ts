// `npm run manifests`: writes what of deploy/ follows from other files: the comments of the ConfigMap from the
// configuration's schema, the plain manifests from the Helm chart. test/kube/manifests.test.ts fails where they are stale.

import { writeFileSync } from 'node:fs';
import { helmProgram } from './manifests/helm.ts';
import { configKeys, configKeysFile, manifestsFile, plainManifests } from './manifests/render.ts';

writeFileSync(configKeysFile, configKeys());
writeFileSync(manifestsFile, plainManifests(helmProgram()));
