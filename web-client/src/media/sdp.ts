/** What the page itself writes into a description; everything else is the browser's and the server's. */
import type { IceCredentials } from '../wire/index.ts';

/**
 * The answer to an ICE restart that the server never saw: its last answer, with the credentials it gave
 * ahead for the next path. DTLS, SSRCs and sections stay as they were (RFC 8839, section 5.4).
 */
export function answerAhead(answer: string, { ufrag, password }: IceCredentials): string {
  return answer
    .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${ufrag}`.replace(/\$/g, '$$$$'))
    .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${password}`.replace(/\$/g, '$$$$'));
}
