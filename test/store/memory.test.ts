import { MemoryStore } from '../../src/store/memory.ts';
import { storeSuite } from '../suites/store.ts';

storeSuite('MemoryStore', async () => new MemoryStore());
