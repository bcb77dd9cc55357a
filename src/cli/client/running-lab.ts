// A running lab, as seen by commands that query its agents.

/** The facts about a lab that a command needs; a subset of `heddle lab status -o json`. */
export interface RunningLab {
  readonly name: string;
  readonly nodes: readonly LabNode[];
}

interface LabNode {
  readonly name: string;
  readonly socket: string;
}
