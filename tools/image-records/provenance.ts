// The build of an image as an in-toto statement with a SLSA provenance (https://slsa.dev/spec/v1.0/provenance): its
// inputs, by hash, and its output. It is not signed: the publisher of the image signs it with the publisher's own key.

export interface BuildFacts {
  readonly tag: string;
  /** SHA-256 of the docker-archive. */
  readonly archiveSha256: string;
  /** SHA-256 of the commit; absent outside of a git repository. */
  readonly commit?: string | undefined;
  /** Whether the tree had uncommitted changes. */
  readonly isDirty: boolean;
  /** SHA-256 of `deploy/Dockerfile` and of all files from which the image is built. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The base images: name, and the digest if they came from a registry or this machine's storage. */
  readonly images: readonly { readonly name: string; readonly digest: string }[];
  readonly tools: Readonly<Record<string, string>>;
  readonly startedOn: string;
  readonly finishedOn: string;
}

const repository = 'https://heddle.dev/source';

export function provenance(facts: BuildFacts): object {
  const { tag, archiveSha256, commit, isDirty, inputs, images, tools, startedOn, finishedOn } =
    facts;
  const source =
    commit === undefined ? [] : [{ uri: `git+${repository}`, digest: { gitCommit: commit } }];
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: tag, digest: { sha256: archiveSha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: `${repository}/deploy/Dockerfile`,
        externalParameters: { tag, images: images.map(({ name }) => name) },
        internalParameters: { uncommittedChanges: isDirty },
        resolvedDependencies: [
          ...source,
          ...images.map(({ name, digest }) => ({
            name,
            digest: { sha256: digest.replace(/^sha256:/, '') },
          })),
          ...Object.entries(inputs).map(([name, sha256]) => ({ name, digest: { sha256 } })),
        ],
      },
      runDetails: {
        builder: { id: `${repository}/scripts/image`, version: tools },
        metadata: { startedOn, finishedOn },
      },
    },
  };
}
