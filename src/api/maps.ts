// The BPF maps of the data path: fill and contents.

export interface MapFill {
  readonly name: string;
  /** Absent if only a walk over a large map could count them. */
  readonly entries?: number;
  readonly maxEntries: number;
}

/** GET /v1/maps */
export interface MapList {
  readonly maps: readonly MapFill[];
}

/** GET /v1/maps/NAME; 404 if there is no such map. */
export interface MapDump {
  readonly name: string;
  readonly maxEntries: number;
  readonly entries: readonly MapEntryView[];
  /** True if the answer was cut at the requested number of entries (`?limit=`, default 10,000). */
  readonly truncated: boolean;
}

/**
 * Key and value with the field names of src/datapath/generated.ts. A per-CPU value is an array with one item per CPU.
 */
export interface MapEntryView {
  readonly key: unknown;
  readonly value: unknown;
}
