/** Requests that are not answered yet, so that all of them can be ended; one that was answered leaves nothing behind. */

/** As much of a ServerResponse as matters here. */
interface Answering {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

export class OpenRequests {
  readonly #open = new Set<AbortController>();
  #isOver = false;

  get size(): number {
    return this.#open.size;
  }

  /** A signal that aborts when the response is sent or its client gone, or when all end. */
  signalOf(response: Answering): AbortSignal {
    const request = new AbortController();
    if (response.destroyed) {
      request.abort();
      return request.signal;
    }
    this.#open.add(request);
    response.once('close', () => {
      this.#open.delete(request);
      request.abort();
    });
    if (this.#isOver) request.abort();
    return request.signal;
  }

  /** Ends those that are open, and each that comes from now on. */
  end(): void {
    this.#isOver = true;
    for (const request of this.#open) request.abort();
  }
}
