// The import rule: which folder may import what. A folder without a line may import nothing.
//
// One line per folder that holds TypeScript files. Lines stand in order: `may` names lines above its own, so that imports
// point one way; what still runs the other way is in `up`, and `up` should only shrink. A name covers the folders below
// it, or is one file. Names are relative to src/, except test/, bench/, tools/, examples/ and src/ itself. Files of one
// folder import each other freely. The line of a file adds to the line of its folder.
//
// To move a folder: rename it in its line and in the lines that name it; `npm run check` lists what was forgotten.

export interface ImportLine {
  /** A folder, or a file that may import more than its folder does. */
  readonly of: string;
  /** Folders and files above this line, separated by spaces. */
  readonly may?: string;
  /** Folders and files that are not above this line: exceptions to the direction of imports. */
  readonly up?: string;
  /** npm packages; `node` stands for all modules of Node.js. */
  readonly packages?: string;
  /** For a file: it imports what an expression names, which cannot be checked. */
  readonly computed?: true;
}

export const importTable: readonly ImportLine[] = [
  { of: 'base', packages: 'node pino zod' },
  { of: 'net', may: 'base', packages: 'ipaddr.js' },
  { of: 'kernel/netlink', may: 'net', up: 'kernel', packages: 'node' },
  { of: 'kernel', may: 'net kernel/netlink', packages: 'node koffi' },
  { of: 'cluster', may: 'base net', packages: 'node yaml zod' },
  {
    of: 'cluster/kubernetes',
    may: 'base cluster',
    packages: 'node @kubernetes/client-node yaml zod',
  },
  { of: 'model', may: 'base net cluster' },
  { of: 'reconcile', may: 'base', packages: 'node' },
  {
    of: 'datapath/tables',
    may: 'base net kernel model reconcile',
    up: 'datapath',
    packages: 'node zod',
  },
  { of: 'datapath', may: 'base net kernel datapath/tables', packages: 'node' },
  { of: 'cni', may: 'base net', packages: 'node zod' },
  {
    of: 'observe',
    may: 'base net kernel cluster model datapath',
    up: 'agent/api-types.ts',
    packages: 'node prom-client',
  },
  {
    of: 'agent/node-facts',
    may: 'base net kernel model datapath',
    up: 'agent/api-types.ts agent/host-facts.ts agent/link-names.ts agent/pod-gateway.ts',
    packages: 'node',
  },
  {
    of: 'agent',
    may: 'base net kernel cluster model reconcile datapath cni observe agent/node-facts',
    packages: 'node yaml zod',
  },
  {
    of: 'lab',
    may: 'base net kernel/namespace.ts kernel/netlink',
    packages: 'node yaml zod',
  },
  { of: 'cli/render', may: 'base agent/api-types.ts' },
  {
    of: 'cli',
    may: 'base net agent/api-types.ts cli/render',
    packages: 'node @kubernetes/client-node commander yaml',
  },
  // The commands that start a part of heddle themselves.
  {
    of: 'cli/agent.ts',
    may: 'agent/config.ts agent/config-flags.ts agent/main.ts kernel/errno.ts',
  },
  { of: 'cli/cni-places.ts', may: 'agent/config.ts agent/config-schema.ts' },
  { of: 'cli/demo.ts', may: 'lab' },
  { of: 'cli/install-cni.ts', may: 'cni' },
  { of: 'cli/lab.ts', may: 'lab' },
  { of: 'cli/running-labs.ts', may: 'lab' },
  { of: 'cli/uninstall.ts', may: 'agent/config-flags.ts agent/uninstall.ts kernel/errno.ts' },

  { of: 'examples/ebpf', may: 'base net kernel', packages: 'node' },
  { of: 'test/support', may: 'src', packages: 'node yaml zod' },
  { of: 'test/scenarios', may: 'test/support', packages: 'node' },
  { of: 'test/kernel/programs', may: 'src test/support', packages: 'node' },
  { of: 'test/kernel', may: 'src test/support', packages: 'node' },
  { of: 'test/lab/programs', may: 'kernel lab', packages: 'node' },
  { of: 'test/lab', may: 'src test/support', packages: 'node' },
  { of: 'test/runtime', may: 'agent lab test/support', packages: 'node' },
  { of: 'test/kube/cluster', may: 'base net kernel lab', packages: 'node yaml' },
  {
    of: 'test/kube/api',
    may: 'cluster lab test/support test/kube/cluster',
    packages: 'node yaml zod',
  },
  { of: 'tools/generate', may: 'kernel' },
  { of: 'tools/image-records', packages: 'node' },
  { of: 'tools/manifests', may: 'agent test/kube/cluster', packages: 'node' },
  { of: 'tools/modules', packages: 'node oxc-parser' },
  { of: 'tools/test', packages: 'node' },
  { of: 'tools/test/batch.ts', computed: true },
  {
    of: 'tools',
    may: 'tools/generate tools/image-records tools/manifests tools/modules',
    packages: 'node',
  },
  {
    of: 'test/kube',
    may: 'src test/support test/kube/api test/kube/cluster tools/generate tools/manifests',
    packages: 'node commander yaml',
  },
  { of: 'bench/load', may: 'kernel', up: 'bench', packages: 'node' },
  { of: 'bench/reference', may: 'net kernel bench/load', up: 'bench', packages: 'node' },
  {
    of: 'bench/kube',
    may: 'cluster lab test/kube',
    up: 'bench',
    packages: 'node zod',
  },
  {
    of: 'bench/simulated',
    may: 'net kernel datapath agent lab test/kube bench/load',
    up: 'bench',
    packages: 'node',
  },
  {
    of: 'bench',
    may: 'src test/support test/kube/cluster bench/kube bench/load bench/reference bench/simulated',
    packages: 'node commander yaml',
  },
];

/** Unit tests beside the sources may import this besides, whatever their folder may. */
export const unitTestLine: ImportLine = {
  of: '*.test.ts',
  may: 'src test/support',
  packages: 'node commander yaml',
};
