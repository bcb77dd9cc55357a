// Finds network configurations of other plugins that a container runtime would use instead of heddle's. Runtimes read a
// folder through libcni: regular files whose names end in .conf, .conflist or .json, including hidden ones, in byte
// order. containerd (max_conf_num 1, the default) and CRI-O use the first one that can be loaded. CRI-O skips files
// that cannot be loaded; containerd stops there with its own message. Sources: containernetworking/cni libcni/conf.go,
// containerd/go-cni opts.go loadFromConfDir, cri-o/ocicni loadNetworks.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface ConfigurationsBefore {
  /** Configurations that sort before heddle's and do not lead to it, in order. */
  readonly conflicts: readonly string[];
  /** Files that sort before heddle's and cannot be loaded: containerd has no network while they exist. */
  readonly unloadable: readonly string[];
}

export interface OwnConfiguration {
  /** `05-heddle.conflist` */
  readonly file: string;
  /** Name of its network. */
  readonly network: string;
  /** Type of the plugin. */
  readonly plugin: string;
}

/** Throws the file system's error if the folder cannot be listed. */
export function configurationsBefore(
  directory: string,
  own: OwnConfiguration,
): ConfigurationsBefore {
  const conflicts: string[] = [];
  const unloadable: string[] = [];
  for (const name of namesBefore(directory, own.file)) {
    const file = path.join(directory, name);
    const plugins = load(file);
    if (plugins === undefined) {
      unloadable.push(file);
      continue;
    }
    const answer = leadsToUs(plugins, { directory, own, depth: 0 });
    // Runtimes read no further.
    if (answer === 'yes') break;
    if (answer === 'no') conflicts.push(file);
  }
  return { conflicts, unloadable };
}

const extensions: ReadonlySet<string> = new Set(['.conf', '.conflist', '.json']);

function namesBefore(directory: string, ownFile: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => extensions.has(name.slice(name.lastIndexOf('.'))))
    .filter((name) => byBytes(name, ownFile) < 0)
    .sort(byBytes);
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

type Fields = Readonly<Record<string, unknown>>;

const maxBytes = 4 * 1024 * 1024;

/** The plugins of a configuration in order; undefined if no runtime can load it. */
function load(file: string): readonly Fields[] | undefined {
  const raw = readJson(file);
  if (raw === undefined) return undefined;
  if (!file.endsWith('.conflist')) return typeOf(raw) === '' ? undefined : [raw];
  const { name, plugins } = raw;
  if (typeof name !== 'string' || !Array.isArray(plugins) || plugins.length === 0) return undefined;
  const all = plugins.filter(isFields);
  return all.length === plugins.length && all.every((plugin) => typeOf(plugin) !== '')
    ? all
    : undefined;
}

// Only regular files are opened: reading a pipe would wait for a writer.
function readJson(file: string): Fields | undefined {
  try {
    const { size } = statSync(file);
    if (!statSync(file).isFile() || size > maxBytes) return undefined;
    const raw: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isFields(raw) ? raw : undefined;
  } catch {
    return undefined;
  }
}

interface Search {
  readonly directory: string;
  readonly own: OwnConfiguration;
  readonly depth: number;
}

type Answer = 'yes' | 'no' | 'unknown';

const deepest = 8;

/** `unknown`: a meta-plugin without a stated delegate; it takes the first of the configurations after it. */
function leadsToUs(plugins: readonly Fields[], search: Search): Answer {
  if (search.depth > deepest) return 'unknown';
  if (plugins.some((plugin) => typeOf(plugin) === search.own.plugin)) return 'yes';
  const answers = plugins.filter(isMeta).map((plugin) => delegatesToUs(plugin, search));
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}

const metaPlugins: ReadonlySet<string> = new Set([
  ...['multus', 'multus-shim', 'multus-cni', 'genie', 'cni-genie', 'danm', 'fakedanm', 'knitter'],
]);

// By its name, or by fields that only meta-plugins have.
function isMeta(plugin: Fields): boolean {
  if (metaPlugins.has(typeOf(plugin).toLowerCase())) return true;
  const { delegates, clusterNetwork, readinessindicatorfile } = plugin;
  return Array.isArray(delegates) || [clusterNetwork, readinessindicatorfile].some(isText);
}

// Multus, thin: `delegates` contains whole configurations, and the first is the pod's network. Thick, and thin with
// CRDs: `clusterNetwork` is a file, the name of a network in this folder, or the name of an object.
function delegatesToUs({ delegates, clusterNetwork }: Fields, search: Search): Answer {
  const deeper = { ...search, depth: search.depth + 1 };
  if (isText(clusterNetwork)) return namedNetwork(clusterNetwork, deeper);
  const first: unknown = Array.isArray(delegates) ? delegates[0] : undefined;
  if (!isFields(first)) return 'unknown';
  const { plugins, name } = first;
  if (Array.isArray(plugins)) return leadsToUs(plugins.filter(isFields), deeper);
  if (typeOf(first) !== '') return leadsToUs([first], deeper);
  return isText(name) ? namedNetwork(name, deeper) : 'unknown';
}

// The path is in the meta-plugin's own container; the folder is the same.
function namedNetwork(text: string, search: Search): Answer {
  const { own, directory } = search;
  const base = path.basename(text);
  if (base === own.file || text === own.network) return 'yes';
  if (!extensions.has(base.slice(base.lastIndexOf('.')))) return 'unknown';
  const plugins = load(path.join(directory, base));
  return plugins === undefined ? 'unknown' : leadsToUs(plugins, search);
}

// Go accepts any case for this field's name.
function typeOf(plugin: Fields): string {
  const { type = plugin['Type'] } = plugin;
  return typeof type === 'string' ? type : '';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
