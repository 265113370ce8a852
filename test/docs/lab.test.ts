/** `npm run lab` in the forms of the pages, but for procedures and bindings. */
import { runLabCommands } from './lab-runs.ts';

runLabCommands('npm run lab', (command) => !/--(procedure|binding) /.test(command));
