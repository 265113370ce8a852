/** Every command of docs/operations.md, in order, against an eIM that runs and a device that polls. */
import { runPage } from './page-run.ts';

runPage('docs/operations.md');
