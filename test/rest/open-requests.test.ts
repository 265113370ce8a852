/** Requests under way: each ends with its client or with all, and an answered one is forgotten. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { OpenRequests } from '../../src/rest/open-requests.ts';

class Response extends EventEmitter {
  destroyed = false;
}

describe('OpenRequests', () => {
  it('forgets a request once it is answered or its client gone', () => {
    const requests = new OpenRequests();
    const [first, second] = [new Response(), new Response()];
    const signal = requests.signalOf(first);
    requests.signalOf(second);
    assert.deepEqual([requests.size, signal.aborted], [2, false]);
    first.emit('close');
    assert.deepEqual([requests.size, signal.aborted], [1, true]);
    const late = new Response();
    late.destroyed = true;
    assert.equal(requests.signalOf(late).aborted, true);
    assert.equal(requests.size, 1);
  });

  it('ends all at once, and what comes after', () => {
    const requests = new OpenRequests();
    const signal = requests.signalOf(new Response());
    requests.end();
    assert.deepEqual([signal.aborted, requests.signalOf(new Response()).aborted], [true, true]);
  });
});
