/** The commands of docs/operations.md that place orders and look at them, where no device fetches any. */
import { runBehind } from './page-run.ts';

runBehind('docs/operations.md');
