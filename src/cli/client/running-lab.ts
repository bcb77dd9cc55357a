// A lab as the commands see it that ask its agents.

/** What a command needs to know of a lab; a subset of `heddle lab status -o json`. */
export interface RunningLab {
  readonly name: string;
  readonly nodes: readonly LabNode[];
}

interface LabNode {
  readonly name: string;
  readonly socket: string;
}
