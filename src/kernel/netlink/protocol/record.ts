// Records read from the kernel: what is absent there is an absent key here, so that records compare by deep equality.

/** A record's keys as they are read, before the absent ones are left out. */
type Draft<Record> = {
  readonly [Key in keyof Record]: object extends Pick<Record, Key>
    ? Record[Key] | undefined
    : Record[Key];
};

export function withoutAbsent<Record extends object>(draft: Draft<Record>): Record {
  const record: { [key: string]: unknown } = {};
  // No Object.entries: this runs once for each of thousands of routes and connections.
  for (const key in draft) {
    if (draft[key] !== undefined) record[key] = draft[key];
  }
  return record as Record;
}
