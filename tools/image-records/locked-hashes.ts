// The hashes of npm packages in the lock file, by `name@version`, in the notation of CycloneDX.

export interface NpmComponent {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

/** `lock`: package-lock.json. */
export function lockedHashes(lock: string): ReadonlyMap<string, string> {
  const { packages } = JSON.parse(lock) as {
    packages: Record<string, { version?: string; integrity?: string }>;
  };
  const hashes = new Map<string, string>();
  for (const [path, { version, integrity }] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const [, hash] = /^sha512-(.*)$/.exec(integrity ?? '') ?? [];
    if (hash !== undefined)
      hashes.set(`${name}@${version}`, Buffer.from(hash, 'base64').toString('hex'));
  }
  return hashes;
}

/** Throws an Error for a package that the lock file does not contain: the image is then not built from it. */
export function withHash<T extends NpmComponent>(
  component: T,
  hashes: ReadonlyMap<string, string>,
): T & Required<Pick<NpmComponent, 'hashes'>> {
  const content = hashes.get(`${component.name}@${component.version}`);
  if (content !== undefined) return { ...component, hashes: [{ alg: 'SHA-512', content }] };
  throw new Error(`${component.name}@${component.version} is not in the lock file`);
}
