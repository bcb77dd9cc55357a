// Compares the modules of the repository with the rules that span files, and prints every violation. A step of `npm run
// check`. Usage: node dist/tools/modules.js

import { importCycles } from './modules/import-cycles.ts';
import { forbiddenImports, tableFaults } from './modules/import-rule.ts';
import { importTable, unitTestLine } from './modules/import-table.ts';
import { readSourceModules } from './modules/source-files.ts';
import { repeatedNames } from './modules/unique-names.ts';

const modules = readSourceModules('.');
const rule = { table: importTable, unitTests: unitTestLine };
const faults = [
  ...forbiddenImports(modules, rule),
  ...tableFaults(modules, rule),
  ...importCycles(modules),
  ...repeatedNames(modules),
];
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
