// What the experiment's inner process hands to the outer one: samples by name.

export type MeasuredName =
  | 'coldSync'
  | 'read'
  | 'restart'
  | 'residentAtRest'
  | 'residentAtMost'
  | 'processorAtRest'
  | 'processorUnderLoad'
  | 'changesPerSecond'
  | 'lagP50'
  | 'lagP99'
  | 'requestsAtRest'
  | 'watchesAtRest';

/** Units: see the rows of ../kube-simulated.ts. */
export type Measured = Readonly<Record<MeasuredName, readonly number[]>>;
