// Records read from the kernel: an absent value is an absent key, so that records can be compared by deep equality.

/** The keys of a record as read, before absent ones are removed. */
type Draft<Record> = {
  readonly [Key in keyof Record]: object extends Pick<Record, Key>
    ? Record[Key] | undefined
    : Record[Key];
};

export function withoutAbsent<Record extends object>(draft: Draft<Record>): Record {
  const record: { [key: string]: unknown } = {};
  // Does not use Object.entries: this runs for each of thousands of routes and connections.
  for (const key in draft) {
    if (draft[key] !== undefined) record[key] = draft[key];
  }
  return record as Record;
}
