// Manifests that become invalid under a running agent: its message for each, and that the valid state stays in force.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderStatus } from '../../src/cli/render/status.ts';
import { plain } from '../../src/cli/render/style.ts';
import {
  agentPlace,
  eventuallyPasses,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { shimTo } from '../support/execute-shim.ts';
import { goodManifests, malformedManifests } from '../support/malformed-manifests.ts';
import { runIn } from '../support/namespaces.ts';
import { nodeState, unchanged } from '../support/node-state.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

rootTest('manifests that become invalid are named and change nothing', async (context) => {
  const place = agentPlace(context);
  const file = path.join(place.folder, 'cluster', 'objects.yaml');
  const write = (text: string): void => {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  };
  write(goodManifests);
  const { process: agent } = await startAgent(context, place);
  const pod = podNamespace(context);
  const added = await shimTo(place.socket, pod.path)({});
  assert.equal(added.exitCode, 0, added.stdout);
  const of = { place, pid: agent.pid ?? 0, pods: [pod.namespace] };
  const before = await nodeState(of);
  const healthy = await status(place);
  assert.match(runIn(place.namespace, 'ip', 'route'), /^10\.201\.3\.0\/24 via 10\.200\.0\.13 /m);

  for (const { file: wrong, text, consequence } of malformedManifests) {
    write(wrong);
    const problem = { text: `${file}, ${text}`, consequence };
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).cluster.problems, [problem]);
    });
    const now = await status(place);
    assert.deepEqual(now.cluster, { ...healthy.cluster, problems: [problem] });
    assert.equal(now.health.state, 'degraded');
    const screen = renderStatus(now, { now: new Date(), style: plain });
    assert.ok(screen.includes(problem.text) && screen.includes(consequence), screen);
  }
  const shown = (): string =>
    runIn(place.namespace, process.execPath, heddle, 'status', '--socket', place.socket);
  assert.throws(shown, (error: Error & { stdout?: string }) => {
    assert.match(error.stdout ?? '', /DEGRADED/);
    assert.ok(error.stdout?.includes(`${file}, ${malformedManifests.at(-1)?.text}`), error.stdout);
    return true;
  });
  await unchanged(before, of);

  write(goodManifests);
  await eventuallyPasses(async () =>
    assert.deepEqual((await status(place)).health, healthy.health),
  );
  await unchanged(before, of);
});
