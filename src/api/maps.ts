// The BPF maps of the data path: how full they are, and what is in them.

export interface MapFill {
  readonly name: string;
  /** Absent where only a walk over a large map could tell. */
  readonly entries?: number;
  readonly maxEntries: number;
}

/** GET /v1/maps */
export interface MapList {
  readonly maps: readonly MapFill[];
}

/** GET /v1/maps/NAME; 404 when there is no such map. */
export interface MapDump {
  readonly name: string;
  readonly maxEntries: number;
  readonly entries: readonly MapEntryView[];
  /** True when the answer was cut at the number of entries asked for (`?limit=`, 10,000 unless told). */
  readonly truncated: boolean;
}

/** Key and value with the field names of src/datapath/generated.ts; a per-CPU value is an array, one item a CPU. */
export interface MapEntryView {
  readonly key: unknown;
  readonly value: unknown;
}
