// The import rule: which folder may import what. A folder without a line may import nothing.
//
// One line per folder that holds TypeScript files. Lines are in order: `may` names lines above its own, so that imports
// point one way. What still runs the other way is in `up`: nothing in src/ does, and no new line should. A name covers the
// folders below it; `kernel/*` is that folder alone, and `kernel/errno.ts` one file. Names are relative to src/, except
// test/, bench/, tools/, examples/ and src/ itself. Files of one folder import each other freely. The line of a file adds
// to the line of its folder: it is the file that puts the rooms of its folder together.
//
// To move a folder: rename it in its line and in the lines that name it; `npm run check` lists what was forgotten.

export interface ImportLine {
  /** A folder, or a file that may import more than its folder. */
  readonly of: string;
  /** Folders and files above this line, separated by spaces. */
  readonly may?: string;
  /** Folders and files that are not above this line: exceptions to the direction of imports. */
  readonly up?: string;
  /** npm packages; `node` stands for all modules of Node.js. */
  readonly packages?: string;
  /** For a file that imports by expression, which cannot be checked. */
  readonly computed?: true;
}

export const importTable: readonly ImportLine[] = [
  { of: 'base', packages: 'node pino zod' },
  { of: 'base/collections' },
  { of: 'base/memory', packages: 'node' },
  { of: 'net', may: 'base', packages: 'ipaddr.js' },

  { of: 'kernel', may: 'base net', packages: 'node koffi' },
  { of: 'kernel/bpf', may: 'net kernel/*', packages: 'node koffi' },
  { of: 'kernel/bpf/attach', may: 'net kernel/* kernel/bpf/*' },
  { of: 'kernel/netlink/protocol', may: 'net kernel/*' },
  { of: 'kernel/netlink', may: 'base net kernel/* kernel/netlink/protocol', packages: 'node' },
  { of: 'kernel/netfilter', may: 'net kernel/* kernel/netlink', packages: 'node koffi' },
  { of: 'kernel/sockets', may: 'net kernel/* kernel/netlink' },

  { of: 'cluster', may: 'base net', packages: 'zod' },
  { of: 'cluster/manifests', may: 'base net cluster/*', packages: 'node yaml' },
  {
    of: 'cluster/kubernetes/client',
    may: 'base',
    packages: 'node @kubernetes/client-node yaml zod',
  },
  {
    of: 'cluster/kubernetes/watch',
    may: 'cluster/kubernetes/client',
    packages: 'node',
  },
  {
    of: 'cluster/kubernetes',
    may: 'base cluster/* cluster/kubernetes/client cluster/kubernetes/watch',
    packages: 'node',
  },

  { of: 'model', may: 'base net cluster/*' },
  { of: 'model/network', may: 'base net cluster/* model/*' },
  { of: 'model/services', may: 'base net cluster/* model/* model/network' },
  { of: 'model/services/plan', may: 'base net cluster/* model/services/*' },
  { of: 'model/model.ts', may: 'model/network model/services' },

  { of: 'reconcile', may: 'base', packages: 'node' },

  { of: 'datapath', may: 'base net kernel model/* reconcile' },
  { of: 'datapath/load', may: 'base net kernel datapath/*', packages: 'node' },
  {
    of: 'datapath/attach',
    may: 'base net kernel model/* reconcile datapath/* datapath/load',
    packages: 'node',
  },
  { of: 'datapath/maps', may: 'base net kernel model/* reconcile datapath/*' },
  {
    of: 'datapath/host',
    may: 'base net kernel model reconcile datapath/*',
    packages: 'node',
  },
  {
    of: 'datapath/nft',
    may: 'base net kernel model/* model/services/plan reconcile datapath/*',
    packages: 'node zod',
  },
  {
    of: 'datapath/services',
    may: 'net kernel cluster/* model/services model/services/plan reconcile datapath/* datapath/maps',
  },
  { of: 'datapath/tables.ts', may: 'datapath/attach datapath/host datapath/maps datapath/nft' },

  { of: 'cni', may: 'base net', packages: 'node zod' },
  { of: 'api', may: 'net' },
  { of: 'config', may: 'base net cluster/kubernetes/client api', packages: 'node yaml zod' },
  {
    of: 'observe',
    may: 'base net kernel cluster/* model datapath/* datapath/load api',
    packages: 'node prom-client',
  },

  { of: 'pods/addresses', may: 'base net cni', packages: 'node' },
  { of: 'pods/records', may: 'base net model/* datapath/* cni', packages: 'node zod' },
  {
    of: 'pods/interface',
    may: 'base net kernel model/* datapath/host cni pods/records',
    packages: 'node',
  },
  {
    of: 'pods',
    may: 'base net kernel cluster/* model/* datapath/load cni api pods/addresses pods/interface pods/records',
    packages: 'node',
  },

  { of: 'agent/host', may: 'base net kernel model datapath/host pods' },
  {
    of: 'agent/connections',
    may: 'base net kernel model/* reconcile datapath/* agent/host',
  },
  { of: 'agent/node-facts/rules', may: 'net kernel model/*' },
  {
    of: 'agent/node-facts/observed',
    may: 'base net kernel model/* datapath/host agent/host agent/node-facts/rules',
    packages: 'node',
  },
  {
    of: 'agent/node-facts/checks',
    may: 'base net kernel model datapath/nft pods/interface agent/host agent/node-facts/observed agent/node-facts/rules',
  },
  {
    of: 'agent/node-facts',
    may: 'base net kernel model/* datapath/* datapath/load api agent/host agent/node-facts/checks agent/node-facts/observed',
  },
  {
    of: 'agent/server',
    may: 'base kernel model/* cni api config observe pods',
    packages: 'node',
  },
  {
    of: 'agent/services',
    may: 'base net kernel cluster model model/services model/services/plan reconcile datapath/* datapath/host datapath/nft agent/server',
    packages: 'node',
  },
  {
    of: 'agent/kube-proxy',
    may: 'base kernel api config agent/services',
    packages: 'node',
  },
  {
    of: 'agent/cluster',
    may: 'base net kernel cluster model cni config agent/server',
    packages: 'node',
  },
  {
    of: 'agent',
    may: 'base net kernel cluster model model/services reconcile datapath cni api config observe pods agent/cluster agent/connections agent/host agent/kube-proxy agent/node-facts/* agent/server agent/services',
    packages: 'node',
  },
  {
    of: 'agent/views',
    may: 'base net kernel cluster model/* model/services reconcile datapath api observe agent/* agent/node-facts/* agent/server agent/services',
    packages: 'node',
  },
  { of: 'agent/agent.ts', may: 'agent/views' },
  { of: 'agent/api-sources.ts', may: 'agent/views' },
  {
    of: 'agent/process',
    may: 'base kernel api config agent/* agent/kube-proxy agent/server',
    packages: 'node',
  },
  {
    of: 'agent/uninstall',
    may: 'base net kernel model datapath cni api config pods/interface pods/records agent/* agent/process agent/server agent/services',
    packages: 'node',
  },

  { of: 'lab/programs', packages: 'node' },
  {
    of: 'lab',
    may: 'base net kernel/namespace.ts kernel/netlink cni lab/programs',
    packages: 'node yaml zod',
  },

  { of: 'cli/render', may: 'base api' },
  { of: 'cli/client', may: 'api', packages: 'node' },
  {
    of: 'cli/sysdump',
    may: 'base cli/client',
    packages: 'node @kubernetes/client-node',
  },
  {
    of: 'cli',
    may: 'base net api cli/client cli/render cli/sysdump',
    packages: 'node commander yaml',
  },
  // Commands that start a part of heddle themselves.
  { of: 'cli/agent.ts', may: 'kernel/errno.ts config agent/process/main.ts' },
  {
    of: 'cli/clean-kube-proxy.ts',
    may: 'kernel/errno.ts agent/kube-proxy/clean.ts agent/kube-proxy/running.ts',
  },
  { of: 'cli/cni-places.ts', may: 'config' },
  { of: 'cli/demo.ts', may: 'lab' },
  { of: 'cli/install-cni.ts', may: 'cni' },
  { of: 'cli/lab.ts', may: 'lab' },
  { of: 'cli/client/running-labs.ts', may: 'lab' },
  { of: 'cli/uninstall.ts', may: 'kernel/errno.ts config agent/uninstall/uninstall.ts' },

  { of: 'examples/ebpf', may: 'base net kernel', packages: 'node' },
  { of: 'test/support', may: 'src', packages: 'node yaml zod' },
  { of: 'test/scenarios', may: 'test/support', packages: 'node' },
  { of: 'test/kernel/programs', may: 'src test/support', packages: 'node koffi' },
  { of: 'test/kernel', may: 'src test/support', packages: 'node' },
  { of: 'test/lab/programs', may: 'kernel lab', packages: 'node' },
  { of: 'test/lab', may: 'src test/support', packages: 'node' },
  { of: 'test/runtime', may: 'api lab test/support', packages: 'node' },
  { of: 'test/kube/cluster', may: 'base net kernel lab', packages: 'node yaml' },
  {
    of: 'test/kube/api',
    may: 'cluster lab test/support test/kube/cluster',
    packages: 'node yaml zod',
  },
  { of: 'tools/generate', may: 'net kernel model cni api' },
  { of: 'tools/image-records', packages: 'node' },
  { of: 'tools/manifests', may: 'config test/kube/cluster', packages: 'node' },
  { of: 'tools/modules', packages: 'node oxc-parser' },
  { of: 'tools/test', packages: 'node' },
  { of: 'tools/fuzz', packages: 'node' },
  { of: 'test/package', may: 'tools/modules', packages: 'node' },
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
  {
    of: 'test/kube/conformance',
    may: 'base lab test/kube/* test/kube/cluster tools/test/progress.ts',
    packages: 'node commander',
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
    may: 'net kernel datapath api lab test/kube bench/load',
    up: 'bench',
    packages: 'node',
  },
  { of: 'bench/plot' },
  {
    of: 'bench/services',
    may: 'base kernel datapath api lab test/kube bench/load bench/plot bench/reference bench/simulated',
    up: 'bench',
    packages: 'node',
  },
  {
    of: 'bench',
    may: 'src test/support test/kube/cluster bench/kube bench/load bench/reference bench/services bench/simulated',
    packages: 'node commander yaml',
  },
];

/** Additional imports of unit tests in the source folders, for every folder. */
export const unitTestLine: ImportLine = {
  of: '*.test.ts',
  may: 'src test/support',
  packages: 'node commander yaml',
};
