// The result of one execution of the CNI plugin: the API sends it, the shim prints it and exits.

export interface CniAnswer {
  readonly exitCode: 0 | 1;
  /** Text that the plugin prints on standard output. */
  readonly body: string;
}
