// The results that the experiment's inner process hands to the outer one: samples by name, for the selected parts.

export const partNames = ['start', 'rest', 'changes'] as const;

export type PartName = (typeof partNames)[number];

export type MeasuredName =
  | 'coldSync'
  | 'read'
  | 'restart'
  | 'residentAtMost'
  | 'residentAtRest'
  | 'processorAtRest'
  | 'requestsAtRest'
  | 'watchesAtRest'
  | 'processorPods'
  | 'podChanges'
  | 'processorPodsAndNodes'
  | 'lagP50'
  | 'lagP99'
  | 'residentAfterChanges';

/** Units: see the rows of ../kube-simulated.ts. */
export type Measured = Readonly<Partial<Record<MeasuredName, readonly number[]>>>;
