/** How far a request has come, so that it can be taken up again where it stopped. */
import type { Download } from './download.ts';
import type { Option } from './options.ts';
import type { QuickDownload } from './quick-download.ts';

/**
 * The progress of one request. Given to CoapClient.request again with the same request, on that client or another, it
 * goes on from there: after a sleep, from another address, in a new connection. The server finds what belongs to it
 * by the peer's connection or identity.
 */
export class Transfer {
  /** The Request-Tag that the body is sent under. */
  requestTag: Option | undefined;
  /** Octets of the body that the server has, and the block size it wants. */
  uploaded = 0;
  szx: number | undefined;
  /** Blocks of the body that the server has, where it goes by Q-Block1. */
  quickUploaded = 0;
  /** The answer as far as it is here. */
  download: Download | undefined;
  quickDownload: QuickDownload | undefined;

  /** Begins anew. */
  reset(): void {
    this.requestTag = undefined;
    this.uploaded = 0;
    this.szx = undefined;
    this.quickUploaded = 0;
    this.download = undefined;
    this.quickDownload = undefined;
  }
}
