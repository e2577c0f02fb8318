/** A network that lets nothing but web pages and WebSockets through, as a page behind it finds it. */
import type { Someone } from './someone.ts';

/**
 * A script for a page: while it is filtered, no candidate of a description reaches the browser, so that
 * its peer connections find no path, over whatever protocol; a path that was found before stays.
 */
export const FILTERED = `{
  globalThis.filtered = true;
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    const kept = globalThis.filtered ? sdp.replace(/^a=candidate:.*\\r\\n/gm, '') : sdp;
    return set.call(this, { type, sdp: kept });
  };
}\n`;

/** Takes the filter away: the next peer connection finds its path. */
export const unfilter = (person: Someone): Promise<void> =>
  person.page.evaluate(() => {
    (globalThis as unknown as { filtered: boolean }).filtered = false;
  }, null);
