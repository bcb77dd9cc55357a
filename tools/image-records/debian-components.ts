// The Debian packages of an image as CycloneDX components, from dpkg's list of installed packages.

export interface Component {
  readonly 'bom-ref': string;
  readonly type: 'library' | 'application';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
}

/**
 * `status`: /var/lib/dpkg/status of the image. Throws an Error if it contains no package: the image is then not Debian.
 */
export function debianComponents(status: string): readonly Component[] {
  const components = status
    .split(/\n{2,}/)
    .map(fieldsOf)
    .filter(({ Status: state }) => state === 'install ok installed')
    .map(({ Package: name = '', Version: version = '', Architecture: architecture = '' }) => {
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
      return { 'bom-ref': purl, type: 'library' as const, name, version, purl };
    });
  if (components.length === 0) throw new Error('the image has no Debian packages');
  return components.toSorted((left, right) => (left.purl < right.purl ? -1 : 1));
}

// Continuation lines begin with a space; the fields that are read have none.
function fieldsOf(paragraph: string): Readonly<Record<string, string | undefined>> {
  const lines = paragraph.split('\n').filter((line) => /^[A-Za-z-]+: /.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
}
